/* Checks of every text, shared by fuzz_tokenizer and fuzz_tokenizer_text: ids are within the vocabulary, and a
 * truncated text keeps its beginning (or its end, where the side is left) and the closing special tokens. */
#ifndef FUZZ_TOKENIZER_CHECK_H
#define FUZZ_TOKENIZER_CHECK_H

#include "fuzz.h"
#include "scratch.h"

#include "base/utf8.h"
#include "tokenizer/tokenizer.h"

#define VOCABULARY_LIMIT 1000

/* Encodes the text, untruncated where max_tokens is 0. Returns a copy of the ids. */
static inline int32_t *encode(const tokenizer *tok, tokenizer_scratch *scratch, aki_text text,
                              size_t max_tokens, token_span *span)
{
    FUZZ_CHECK(tokenizer_encode(tok, scratch, text, max_tokens, span, NULL) == AKI_OK);
    FUZZ_CHECK(max_tokens == 0 || span->count <= max_tokens);
    FUZZ_CHECK(!span->truncated || span->count == max_tokens);
    FUZZ_CHECK(span->count >= tokenizer_special_count(tok));
    for (size_t i = 0; i < span->count; i++) {
        FUZZ_CHECK(span->ids[i] >= 0 && span->ids[i] < VOCABULARY_LIMIT);
        FUZZ_CHECK(tokenizer_token_text(tok, span->ids[i]) != NULL);
    }
    return (int32_t *)copy_bytes((const uint8_t *)span->ids, span->count * sizeof *span->ids);
}

static inline void check_cut(const tokenizer *tok, tokenizer_scratch *scratch, aki_text text,
                             size_t max_tokens)
{
    token_span whole, cut;
    int32_t *ids = encode(tok, scratch, text, 0, &whole);
    int32_t *first = encode(tok, scratch, text, max_tokens, &cut);
    FUZZ_CHECK(cut.truncated == (whole.count > max_tokens));
    FUZZ_CHECK(cut.count == (cut.truncated ? max_tokens : whole.count));
    size_t same = 0, same_at_end = 0;
    while (same < cut.count && first[same] == ids[same])
        same++;
    while (same_at_end < cut.count &&
           first[cut.count - 1 - same_at_end] == ids[whole.count - 1 - same_at_end])
        same_at_end++;
    FUZZ_CHECK(same + same_at_end >= cut.count);
    free(first);
    free(ids);
}

static inline void check_text(const tokenizer *tok, tokenizer_scratch *scratch, aki_text text)
{
    token_span span;
    aki_error error = {.message = ""};
    const size_t special = tokenizer_special_count(tok);
    size_t bad;
    if (text.length == 0 || !utf8_valid(text.data, text.length, &bad)) {
        FUZZ_CHECK(tokenizer_encode(tok, scratch, text, 0, &span, &error) ==
                   (text.length == 0 ? AKI_EMPTY_TEXT : AKI_INVALID_UTF8));
        FUZZ_CHECK(error.message[0] != '\0');
        return;
    }
    if (tokenizer_encode(tok, scratch, text, 0, &span, &error) == AKI_NO_TOKENS) {
        FUZZ_CHECK(special == 0 && error.message[0] != '\0');
        return;
    }
    check_cut(tok, scratch, text, special + 1);
    check_cut(tok, scratch, text, special + 7);
}

#endif
