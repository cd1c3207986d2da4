/* Greedy longest match of a word's pieces in one pass: "Fast WordPiece Tokenization" (Song et al., EMNLP 2021, LinMaxMatch).
 *
 * Two tries share one set of states: of the tokens that begin a word, and of those that continue one. A state where the
 * match of the next byte ends knows the ids of the longest pieces that its text is cut into (its pops), and the state
 * of the continuing trie that stands for the rest (its fail link). So no byte is looked at again: a byte deepens the
 * state by one and a fail link makes it less deep by as many bytes as its pops stand for, which makes at most two steps
 * a byte, whatever the vocabulary and the word.
 *
 * The tries are a double array, see trie_build.h. Memory is linear in the bytes of the vocabulary. Const after building. */
#ifndef TOKENIZER_PIECE_AUTOMATON_H
#define TOKENIZER_PIECE_AUTOMATON_H

#include "tokenizer/trie_build.h"

#define PIECE_STATE_INITIAL 0U    /* root of the trie of tokens that begin a word */
#define PIECE_STATE_CONTINUING 1U /* root of the trie of those that continue one */

typedef struct piece_state {
    uint32_t base;
    uint32_t parent; /* TRIE_STATE_NONE: of a root, and of places that hold no state */
    uint32_t fail;   /* TRIE_STATE_NONE: no cut of the text leads on, the word is unknown */
    uint32_t pops;   /* the last of the ids to write when the fail link is taken; 0 = none */
} piece_state;

/* Lists of ids that share their beginnings. */
typedef struct piece_pop {
    uint32_t previous; /* 0 = this is the first */
    uint32_t count;    /* ids up to this one */
    int32_t id;
} piece_pop;

typedef struct piece_automaton {
    piece_state *states; /* [room]: beyond any base by 255 */
    piece_pop *pops;     /* [pop_count]; 0 stands for the empty list */
    size_t room, pop_count, pop_capacity;
} piece_automaton;

/* Texts of 1 byte and more, sorted by piece_text_order, none twice in a list; of continuing tokens what follows the prefix. They
 * are not needed afterwards.
 * false = out of memory, or beyond 2^32 states; the automaton is empty. */
bool piece_automaton_build(piece_automaton *automaton, const piece_text *initial, size_t initial_count,
                           const piece_text *continuing, size_t continuing_count);
/* An empty (zeroed) automaton is allowed. */
void piece_automaton_free(piece_automaton *automaton);

/* Writes the ids of a word (1 byte or more) to ids ([length of the word in bytes], or in characters if it is UTF-8 and
 * all tokens are) and returns how many; 0 = it cannot be cut into pieces, and what was written means nothing. */
size_t piece_automaton_cut(const piece_automaton *automaton, const char *word, size_t length, int32_t *ids);

#endif
