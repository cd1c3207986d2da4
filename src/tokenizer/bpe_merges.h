/* The merges of byte pair encoding: which two neighbouring tokens become one, and in which order. Of all neighbours in a
 * word those of the lowest rank are merged first, of equal ones the leftmost, until no pair has a merge, as in
 * `tokenizers`.
 *
 * A word of up to BPE_SCAN symbols is merged by looking for the least rank again after each merge. A longer one is
 * merged in windows that overlap: where two windows agree on a token, they are joined. That is exact: tokens are what a
 * text becomes just when each two neighbours are what their own text becomes, since a merge across a boundary would be
 * done in the text of these two alone as well, at the same point. So what a word repeats, such as a run of one
 * character, is merged at its two ends only. Where two windows do not agree, they are made wider, and at last the whole word
 * is merged with a heap. So time is linear in the word, for vocabularies whose tokens are
 * shorter than a window, and never worse than n log n. Const after building. */
#ifndef TOKENIZER_BPE_MERGES_H
#define TOKENIZER_BPE_MERGES_H

#include "tokenizer/word_splitter.h"

#define BPE_SCAN ((size_t)256)

/* Merges that a model can have: a rank and a place in a window fit 31 bits. */
#define BPE_MERGES_MAX ((size_t)1 << 22)

typedef struct bpe_merge {
    int32_t left, right, result; /* ids */
} bpe_merge;

/* A merge of a token, whose row this is in, with the token `right` behind it. */
typedef struct bpe_pair {
    int32_t right; /* BPE_PAIR_FREE = no pair */
    int32_t rank, result;
} bpe_pair;

#define BPE_PAIR_FREE (-1)

/* The pairs of one left token: a hash table of its own, of which at least one place is free. Tokens that are met often have small
 * ids, as trained vocabularies are in that order, so that their rows lie close together and stay in the core's caches. */
typedef struct bpe_row {
    uint32_t start,
        mask;        /* pairs[start] to pairs[start + mask]; a token without pairs has the free one at 0 */
    uint64_t filter; /* bit of a hash of the right token: 1 = there may be a pair */
} bpe_row;

/* The merge of two symbols that both have a number, in the table by the two numbers. */
typedef struct bpe_start {
    int32_t order; /* rank << 8, or BPE_NO_ORDER */
    int32_t result;
} bpe_start;

#define BPE_NO_ORDER (INT32_MAX & ~(int32_t)0xFF)

typedef struct bpe_merges {
    bpe_row *rows; /* [token_count] */
    bpe_pair *pairs;
    bpe_start *starts; /* [256][256] by numbers: the first merges of a word, found without a hash; or NULL */
} bpe_merges;

/* A word that is to be merged. */
typedef struct bpe_word {
    const int32_t *symbols; /* [count] ids of its characters or bytes */
    const uint8_t *numbers; /* [count] of the symbols, by bpe_merges_start; or NULL */
    size_t count;           /* < UINT32_MAX */
} bpe_word;

/* A token of a word: where it begins, counted in symbols. */
typedef struct bpe_token {
    int32_t id;
    uint32_t start;
} bpe_token;

typedef struct bpe_symbol {
    int32_t id, result; /* what it becomes with the next one */
    int32_t rank;       /* of that merge, or INT32_MAX */
    uint32_t previous, next;
} bpe_symbol;

typedef struct bpe_entry {
    int32_t rank;
    uint32_t at;
} bpe_entry;

/* A zeroed one is ready for use. */
typedef struct bpe_merge_scratch {
    bpe_token *tokens; /* two windows, or a word */
    size_t token_capacity;
    bpe_symbol *symbols;
    bpe_entry *heap;
    size_t heap_capacity; /* of `symbols` and, twice that, of `heap` */
} bpe_merge_scratch;

/* list: [count], by rank; of a pair that is there twice the last one counts. count <= BPE_MERGES_MAX. token_count: all ids are below it.
 * False = out of memory. */
bool bpe_merges_build(bpe_merges *merges, const bpe_merge *list, size_t count, size_t token_count);
/* ids: [256] of symbols by number, -1 = there is none. After this words may have numbers. False = out of memory. */
bool bpe_merges_start(bpe_merges *merges, const int32_t *ids);
/* Zeroed merges are allowed. */
void bpe_merges_free(bpe_merges *merges);
void bpe_merge_scratch_free(bpe_merge_scratch *scratch);

/* Appends what the word becomes. False = out of memory. */
bool bpe_merge_word(const bpe_merges *merges, bpe_merge_scratch *scratch, const bpe_word *word, id_list *out);

#endif
