/* Which characters of a text each of its tokens comes from, as the offsets of `tokenizers` say. For WordPiece models.
 *
 * Works afterwards, from the text and its ids, so that tokenizing does not pay for it: the text is normalised a character at
 * a time, which tells where each byte comes from, and the ids must spell the outcome from left to right. Where marks
 * were not in canonical order, and normalization moves them, that may fail and no offsets are told, or they differ from those
 * of `tokenizers` within that word. Time and memory are linear in the text. */
#ifndef TOKENIZER_OFFSETS_H
#define TOKENIZER_OFFSETS_H

#include "tokenizer/tokenizer.h"

/* Characters from `start` to before `end`, counted in code points. The tokens that the post-processor adds have none:
 * both are TOKEN_PLACE_NONE. */
typedef struct token_place {
    uint32_t start, end;
} token_place;
#define TOKEN_PLACE_NONE UINT32_MAX

/* Fills places[0..span->count); span: of tokenizer_encode, uncut, of this text. Where the offsets cannot be told all are
 * TOKEN_PLACE_NONE. False = out of memory. */
bool token_offsets(const tokenizer *tok, aki_text text, const token_span *span, token_place *places);

#endif
