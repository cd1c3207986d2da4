/* WordPiece: a word becomes the longest token that it begins with, then the longest continuing token ("##ing") that the
 * rest begins with, and so on; where nothing matches, the whole word becomes the unknown token. Greedy longest match as
 * in BERT and in `tokenizers`. Const after building. */
#ifndef TOKENIZER_WORDPIECE_H
#define TOKENIZER_WORDPIECE_H

#include "tokenizer/piece_automaton.h"
#include "tokenizer/vocabulary.h"
#include "tokenizer/word_table.h"

typedef struct wordpiece {
    word_table words;       /* the tokens that are short whole words: first asked */
    piece_automaton pieces; /* cuts all others */
    size_t max_chars;       /* longer words are unknown */
    int32_t unknown;
    int32_t ascii[128]; /* the id of each ASCII character that is a word of its own */
} wordpiece;

/* Over the first `count` tokens of the vocabulary; `vocab->path` is named in errors.
 * Errors: AKI_MODEL_INVALID (a token twice, no unknown token), AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status wordpiece_build(wordpiece *model, const vocabulary *vocab, size_t count,
                                          const char *prefix, const char *unknown, size_t max_chars,
                                          aki_error *error);
/* A zeroed model is allowed. */
void wordpiece_free(wordpiece *model);

/* What wordpiece_encode does with words that the table does not know. */
size_t wordpiece_cut(const wordpiece *model, const char *word, size_t length, size_t chars, int32_t *ids);

/* Writes the ids of a word of length >= 1 bytes and `chars` characters to ids ([max(chars, 1)]) and returns how many.
 * readable: bytes from `word` on that may be read, at least length. When chars is over max_chars, none is read. */
static inline size_t wordpiece_encode(const wordpiece *model, const char *word, size_t length,
                                      size_t readable, size_t chars, int32_t *ids)
{
    if (length <= WORD_TABLE_BYTES && chars <= model->max_chars) {
        word_key key =
            readable > WORD_TABLE_BYTES ? word_key_load(word, length) : word_key_copy(word, length);
        ids[0] = word_table_get(&model->words, key);
        if (ids[0] != WORD_TABLE_NONE)
            return 1;
    }
    return wordpiece_cut(model, word, length, chars, ids);
}

#endif
