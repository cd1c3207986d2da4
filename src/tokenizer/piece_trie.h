/* The tokens of a Unigram model as a trie, for finding all of them that a text begins with: a double array, see
 * trie_build.h. A state that is a token's end has the token's score with it, so that a step takes one load. Memory is linear in the bytes of the tokens. Const after
 * building. */
#ifndef TOKENIZER_PIECE_TRIE_H
#define TOKENIZER_PIECE_TRIE_H

#include "tokenizer/trie_build.h"

#define PIECE_TRIE_ROOT 0U

typedef struct trie_state {
    uint32_t base;
    uint32_t parent; /* TRIE_STATE_NONE: of the root, and of places that hold no state */
    double score;    /* NaN: no token ends here */
} trie_state;

typedef struct piece_trie {
    trie_state *states; /* [room]: beyond any base by 255 */
    int32_t *ids;       /* [room]; of the token that ends at a state */
    size_t room;
} piece_trie;

/* texts: 1 byte and more each, sorted by piece_text_order; of equal ones the last counts. They are not needed
 * afterwards. scores: by id, finite. False = out of memory, or beyond 2^32 states; the trie is empty. */
bool piece_trie_build(piece_trie *trie, const piece_text *texts, size_t count, const double *scores);
/* An empty (zeroed) trie is allowed. */
void piece_trie_free(piece_trie *trie);

static inline uint32_t piece_trie_child(const piece_trie *trie, uint32_t state, char byte)
{
    uint32_t child = trie->states[state].base + (unsigned char)byte;
    return trie->states[child].parent == state ? child : TRIE_STATE_NONE;
}

/* The id of the token, or -1. */
int32_t piece_trie_find(const piece_trie *trie, const char *text, size_t length);

#endif
