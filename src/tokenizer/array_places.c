#include "tokenizer/array_places.h"

#include "base/memory.h"

#include <string.h>

/* Places looked at in the search for a base, 64 at a time, before the children go behind all others: bounds the time of
 * building. */
#define SEARCH_WORDS 8
/* Used places of 64 from which on they are not searched again. */
#define CROWDED 56

bool array_places_grow(array_places *places, size_t room)
{
    uint64_t *used = mem_realloc(places->used, room / 64 + 1, sizeof *used);
    if (used == NULL)
        return false;
    size_t words = places->room > 0 ? places->room / 64 + 1 : 0;
    memset(used + words, 0, (room / 64 + 1 - words) * sizeof *used);
    places->used = used;
    places->room = room;
    return true;
}

void array_places_free(array_places *places)
{
    mem_free(places->used);
    *places = (array_places){0};
}

/* Bits place … place + 63; none is used behind the end. */
static uint64_t used_from(const array_places *places, size_t place)
{
    size_t words = places->room / 64 + 1, word = place / 64, shift = place % 64;
    uint64_t low = word < words ? places->used[word] : 0,
             high = word + 1 < words ? places->used[word + 1] : 0;
    return shift == 0 ? low : low >> shift | high << (64 - shift);
}

size_t array_places_find(array_places *places, const unsigned char *bytes, size_t count)
{
    while (places->search_from < places->end &&
           __builtin_popcountll(used_from(places, places->search_from)) > CROWDED)
        places->search_from += 64;
    size_t place = places->search_from;
    if (count > 1 && place + SEARCH_WORDS * 64 < places->end)
        place = places->end - SEARCH_WORDS * 64;
    size_t base = place > bytes[0] ? place - bytes[0] : 0;
    for (size_t words = 0; words < SEARCH_WORDS && base + bytes[0] < places->end; words++, base += 64) {
        uint64_t taken = 0;
        for (size_t i = 0; i < count && taken != UINT64_MAX; i++)
            taken |= used_from(places, base + bytes[i]);
        if (taken != UINT64_MAX)
            return base + (size_t)__builtin_ctzll(~taken);
    }
    return places->end > bytes[0] ? places->end - bytes[0] : 0;
}

void array_places_take(array_places *places, size_t place)
{
    places->used[place / 64] |= UINT64_C(1) << place % 64;
    places->end = places->end > place ? places->end : place + 1;
}
