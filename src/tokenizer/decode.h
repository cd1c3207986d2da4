/* From token texts back to text, as the "decoder" of tokenizer.json says: WordPiece, Metaspace, Replace of a string,
 * ByteFallback, Fuse, Strip, ByteLevel, and sequences of them, equal to `tokenizers`. Tokens without a decoder are joined by blanks.
 *
 * Another decoder, or one that is malformed, makes the whole unsupported and no error: ids do not depend on it. Each stage
 * turns a list of texts into another, in time linear in their bytes. Const after reading. */
#ifndef TOKENIZER_DECODE_H
#define TOKENIZER_DECODE_H

#include "akidb/embed.h"
#include "base/buf.h"

#include <jansson.h>
#include <stdint.h>

typedef struct decode_stage {
    enum {
        DECODE_WORDPIECE,     /* from: the prefix of tokens that continue a word */
        DECODE_METASPACE,     /* from: the character that stands for a blank */
        DECODE_REPLACE,       /* from, to */
        DECODE_BYTE_FALLBACK, /* "<0x41>" is a byte */
        DECODE_FUSE,          /* all texts become one */
        DECODE_BYTE_LEVEL,    /* the same, of tokens in the alphabet of ByteLevel (bpe.h) */
        DECODE_STRIP,         /* from: a character, of which up to `start` and `stop` ones are cut off */
    } kind;
    char *from, *to;
    bool on; /* WordPiece: cleanup; Metaspace: the text's first blank was put there by the tokenizer */
    size_t start, stop;
} decode_stage;

#define DECODE_STAGES_MAX 16

typedef struct token_decoder {
    decode_stage stages[DECODE_STAGES_MAX];
    size_t count; /* 0 = joined by blanks */
    bool unsupported;
} token_decoder;

/* decoder: of tokenizer.json; NULL = none. On failure *out is empty. Error: AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status token_decoder_read(token_decoder *out, const json_t *decoder, aki_error *error);
/* BERT's, for models with a vocab.txt alone. */
AKI_MUST_CHECK aki_status token_decoder_usual(token_decoder *out, aki_error *error);
/* A zeroed one is allowed. */
void token_decoder_free(token_decoder *decoder);

/* Texts end to end. */
typedef struct decode_texts {
    buf bytes;
    buf ends; /* size_t each: where a text ends in `bytes` */
} decode_texts;

void decode_texts_init(decode_texts *texts);
void decode_texts_free(decode_texts *texts);
/* Ends a text that was appended to `bytes`. False = out of memory. */
bool decode_texts_end(decode_texts *texts);

/* Appends the text of the tokens, which are changed, to `out`. False = out of memory, or beyond the maximum of `out`. */
bool token_decoder_run(const token_decoder *decoder, decode_texts *tokens, buf *out);

#endif
