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

typedef struct bpe_pair {
    uint64_t key; /* left << 32 | right; BPE_PAIR_FREE = free */
    int32_t rank, result;
} bpe_pair;

#define BPE_PAIR_FREE UINT64_MAX

/* Most pairs that are asked for have no merge. `filter` tells that of nearly all of them, and is small enough to stay in
 * a cache of the core, which `pairs` is not. */
typedef struct bpe_merges {
    bpe_pair *pairs;  /* [1 << (64 - shift)], at most three quarters of them taken */
    uint64_t *filter; /* [1 << (64 - filter_shift)] bits: 1 = there may be a pair of this hash */
    unsigned shift, filter_shift;
} bpe_merges;

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

/* merges: [count], by rank; of a pair that is there twice the last one counts. count <= BPE_MERGES_MAX. False = out of
 * memory. */
bool bpe_merges_build(bpe_merges *merges, const bpe_merge *list, size_t count);
/* Zeroed merges are allowed. */
void bpe_merges_free(bpe_merges *merges);
void bpe_merge_scratch_free(bpe_merge_scratch *scratch);

/* Appends what symbols[0..count), ids of a word's characters or bytes, become. count < UINT32_MAX. False = out of
 * memory. */
bool bpe_merge_word(const bpe_merges *merges, bpe_merge_scratch *scratch, const int32_t *symbols,
                    size_t count, id_list *out);

#endif
