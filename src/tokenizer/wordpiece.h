/* WordPiece: a word becomes the longest token that it begins with, then the longest continuing token ("##ing") that the
 * rest begins with, and so on; where nothing matches, the whole word becomes the unknown token. Greedy longest match as
 * in BERT and in `tokenizers`. Const after building. */
#ifndef TOKENIZER_WORDPIECE_H
#define TOKENIZER_WORDPIECE_H

#include "tokenizer/token_index.h"
#include "tokenizer/vocabulary.h"

typedef struct wordpiece {
    token_index initial;    /* every token, by its text */
    token_index continuing; /* those with the prefix, by what follows it */
    size_t max_chars;       /* longer words are unknown */
    int32_t unknown;
} wordpiece;

/* Over the first `count` tokens of the vocabulary, which must outlive it; `vocab->path` is named in errors.
 * Errors: AKI_MODEL_INVALID (a token twice, no unknown token), AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status wordpiece_build(wordpiece *model, const vocabulary *vocab, size_t count,
                                          const char *prefix, const char *unknown, size_t max_chars,
                                          aki_error *error);
/* A zeroed model is allowed. */
void wordpiece_free(wordpiece *model);

/* Writes the ids of a word of `chars` characters to ids ([max(chars, 1)]) and returns how many. */
size_t wordpiece_encode(const wordpiece *model, const char *word, size_t length, size_t chars, int32_t *ids);

#endif
