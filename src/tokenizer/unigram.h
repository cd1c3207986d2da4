/* Unigram: a piece of text becomes the tokens whose scores add up to the most (Viterbi), as in SentencePiece and, bit for
 * bit in its sums and ties, in `tokenizers`. A character that no token consists of costs UNIGRAM_UNKNOWN_PENALTY more
 * than the worst token; neighbouring unknown ones become one token, or with byte_fallback a token per byte.
 *
 * Time is linear in the piece, times the longest token at worst. Memory in the scratch is four bytes per byte of the
 * longest piece, and a cache of short pieces. Const after building. */
#ifndef TOKENIZER_UNIGRAM_H
#define TOKENIZER_UNIGRAM_H

#include "tokenizer/piece_cache.h"
#include "tokenizer/piece_trie.h"
#include "tokenizer/vocabulary.h"

#define UNIGRAM_UNKNOWN_PENALTY 10.0

typedef struct unigram {
    piece_trie trie;
    uint32_t *lengths; /* [count] bytes of the tokens */
    int32_t unknown;
    double unknown_score;
    bool byte_fallback;    /* and there is a token for each byte */
    int32_t byte_ids[256]; /* of "<0x00>" …, or -1 */
    uint64_t fingerprint;  /* of all that decides the ids */
} unigram;

/* A zeroed one is ready for use; for any number of models, one after another. */
typedef struct unigram_scratch {
    uint32_t *steps; /* [capacity] */
    size_t capacity;
    piece_cache cache;
} unigram_scratch;

/* Over the first `count` tokens of the vocabulary. scores: [count], finite. unknown < count.
 * Error: AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status unigram_build(unigram *model, const vocabulary *vocab, size_t count,
                                        const double *scores, size_t unknown, bool byte_fallback,
                                        aki_error *error);
/* A zeroed model is allowed. */
void unigram_free(unigram *model);

/* Appends the ids of text[0..length), valid UTF-8. room: bytes that can be read from `text` on, `length` or more; with
 * PIECE_CACHE_ROOM it is faster. False = out of memory. */
bool unigram_encode(const unigram *model, unigram_scratch *scratch, const char *text, size_t length,
                    size_t room, id_list *out);

void unigram_scratch_free(unigram_scratch *scratch);

#endif
