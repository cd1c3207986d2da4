/* From token ids back to text, as the WordPiece decoder of `tokenizers` with its cleanup: words get blanks between them,
 * pieces that continue a word none, and no blank is left before punctuation and English contractions. What the normalizer
 * took away does not come back. For WordPiece models only (tokenizer_is_wordpiece). */
#ifndef TOKENIZER_DECODE_H
#define TOKENIZER_DECODE_H

#include "base/buf.h"
#include "tokenizer/tokenizer.h"

typedef struct token_decoder {
    const tokenizer *tok;
    buf *out;
    bool begun; /* a token has been added */
} token_decoder;

/* Appends the text of the next token; an id that the vocabulary does not have adds nothing. False as buf_append. */
bool token_decoder_add(token_decoder *d, int32_t id);

#endif
