/* The free places of a double array (Aoe 1989) while it is built: where the children of a state can go. */
#ifndef TOKENIZER_ARRAY_PLACES_H
#define TOKENIZER_ARRAY_PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How far above its base a byte can point. */
#define ARRAY_PLACES_SPAN 256

typedef struct array_places {
    uint64_t *used; /* [room / 64 + 1] bit s: place s holds a state */
    size_t room;
    size_t search_from; /* too few places below are free */
    size_t end;         /* behind the last state */
} array_places;

/* Room for `room` places, at least as many as before. False = out of memory. */
bool array_places_grow(array_places *places, size_t room);
/* Zeroed places are allowed. */
void array_places_free(array_places *places);

/* A base at which every child's place is free: single children fill the holes from the front, families are sought near
 * the end, where there is room for them. bytes: [count >= 1], ascending. The places may lie behind the room. */
size_t array_places_find(array_places *places, const unsigned char *bytes, size_t count);
/* place < room */
void array_places_take(array_places *places, size_t place);

#endif
