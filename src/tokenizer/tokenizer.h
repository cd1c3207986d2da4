/* WordPiece, Unigram and BPE tokenization, id for id equal to the Hugging Face `tokenizers` library.
 *
 * Reads what `transformers` reads: tokenizer.json (vocabulary, normalizer flags, added tokens, post-processor) or, where
 * there is none, vocab.txt, and the settings beside them (side_files.h). The lengths to which tokenizer.json cuts and
 * pads are ignored: they are artefacts of an export; the limit is the caller's.
 *
 * What a character is and becomes is taken from generated tables (unicode_data.h), so that ids do not depend on the
 * Unicode version of any library on the machine.
 *
 * A tokenizer is const after loading and may be used by any number of threads; each thread brings its own scratch.
 * Time is linear in the bytes looked at, and at most the prefix that can fill `max_tokens` is tokenized (plus what is
 * needed to know whether anything was cut). Exceptions, where each text is normalised to its
 * end: a model with added tokens that are matched in normalised text, and a Unigram whose words are not cut at white
 * space (staged.h). */
#ifndef TOKENIZER_TOKENIZER_H
#define TOKENIZER_TOKENIZER_H

#include "akidb/embed.h"
#include "base/buf.h"

typedef struct tokenizer tokenizer;
typedef struct tokenizer_scratch tokenizer_scratch;

/* Loads from a model folder. On success the caller owns *out. vocabulary_limit: ids >= it (the rows of the embedding
 * table) are refused as AKI_MODEL_INVALID. Errors: AKI_MODEL_NOT_FOUND, AKI_MODEL_INVALID, AKI_MODEL_UNSUPPORTED,
 * AKI_IO_ERROR, AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status tokenizer_open(tokenizer **out, const char *folder, size_t vocabulary_limit,
                                         aki_error *error);
/* As a static model uses it: tokenizer.json alone counts, whatever files stand beside it, and the post-processor adds nothing.
 * drops_unknown: model2vec's way. The unknown token is left out of a text's ids, though it counts for the limit; and a text is first cut
 * to max_tokens times the median length of a token in characters. Else the length to which tokenizer.json cuts is kept, for
 * tokenizer_most_tokens. */
AKI_MUST_CHECK aki_status tokenizer_open_static(tokenizer **out, const char *folder, size_t vocabulary_limit,
                                                bool drops_unknown, aki_error *error);
/* 0 = tokenizer.json does not say, or does not count for it. */
size_t tokenizer_most_tokens(const tokenizer *tok);
/* To how many characters a text is cut first, of tokenizer_encode's max_tokens; 0 = it is not. */
size_t tokenizer_most_chars(const tokenizer *tok, size_t max_tokens);
void tokenizer_close(tokenizer *tok);

size_t tokenizer_vocabulary_size(const tokenizer *tok);
/* "##ing", or NULL for an unknown id. Lives as long as the tokenizer. */
const char *tokenizer_token_text(const tokenizer *tok, int32_t id);

/* How many special tokens the post-processor adds to a text: the least max_tokens. */
size_t tokenizer_special_count(const tokenizer *tok);
/* How many of them stand before the text. */
size_t tokenizer_special_before(const tokenizer *tok);
/* True for a token that is looked for in the raw text ("[MASK]"), or that the post-processor adds. */
bool tokenizer_is_special(const tokenizer *tok, int32_t id);

/* False where tokenizer.json has a decoder that is not implemented (decode.h). */
bool tokenizer_decodes(const tokenizer *tok);
/* Appends the text of ids[0..count); ids that the vocabulary does not have add nothing. What the normalizer took away does
 * not come back. False = out of memory, or beyond the maximum of `out`. */
bool tokenizer_decode(const tokenizer *tok, const int32_t *ids, size_t count, bool skip_special, buf *out);

/* NULL = out of memory. One per thread; grows as needed and is reused between calls. */
tokenizer_scratch *tokenizer_scratch_open(void);
void tokenizer_scratch_close(tokenizer_scratch *scratch);

typedef struct token_span {
    const int32_t *ids; /* in the scratch: valid until its next use */
    size_t count;       /* special tokens of the post-processor included */
    bool truncated;
    size_t second; /* of a pair: the first token that is of type 1; 0 = all are of type 0 */
} token_span;

/* text: any bytes; refused with AKI_INVALID_UTF8 (message names the byte offset) unless valid UTF-8, over its whole
 * length, and with AKI_EMPTY_TEXT when length is 0. max_tokens 0 = uncut, else >= the number of special tokens the
 * post-processor adds (AKI_INVALID_ARGUMENT). A cut text keeps its special tokens and its first other ones, or its last
 * where the model says "truncation_side": "left". AKI_NO_TOKENS: nothing is left of the text (" "), or only tokens that are
 * left out, and the post-processor adds nothing. Other error: AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status tokenizer_encode(const tokenizer *tok, tokenizer_scratch *scratch, aki_text text,
                                           size_t max_tokens, token_span *out, aki_error *error);

#endif
