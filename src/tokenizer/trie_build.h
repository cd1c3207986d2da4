/* Lays sorted texts out as tries in a double array (Aoe 1989): the child of state s by byte c is the state base(s) + c if that
 * state's parent is s. States are made in the order of depth. The owner of the array has a struct of its own for a state, and
 * keeps bases and parents in it. */
#ifndef TOKENIZER_TRIE_BUILD_H
#define TOKENIZER_TRIE_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No state: the parent of a root, and of places that hold no state. */
#define TRIE_STATE_NONE UINT32_MAX

typedef struct piece_text {
    const char *text;
    uint32_t length;
    int32_t id;
} piece_text;

/* For qsort: by bytes, then by id. */
int piece_text_order(const void *a, const void *b);

/* Functions of the array's owner; those that return false end the building. */
typedef struct trie_owner {
    /* Makes room for `room` states, more than before: beyond any base by 255. New ones have the parent TRIE_STATE_NONE. */
    bool (*grow)(void *owner, size_t room);
    /* Stores the base, before the first child is added. */
    void (*set_base)(void *owner, uint32_t state, uint32_t base);
    /* Stores the parent. own: the text that ends at the state, the last of equal ones; NULL = none. */
    bool (*add)(void *owner, uint32_t state, uint32_t parent, unsigned char byte, const piece_text *own);
} trie_owner;

/* Of 1 byte and more each, sorted by piece_text_order. */
typedef struct trie_texts {
    const piece_text *texts; /* [count] */
    size_t count;
} trie_texts;

/* Builds a trie of each of texts[0..tries); state i is the root of trie i. False = out of memory, beyond 2^32 states, or ended by
 * the owner. */
bool trie_build(const trie_texts *texts, size_t tries, const trie_owner *functions, void *owner);

#endif
