#include "tokenizer/decode.h"

#include <string.h>

#define CONTINUES "##"

typedef struct replacement {
    const char *from, *to;
} replacement;

/* In this order, each over the outcome of those before it. */
static const replacement cleanup[] = {{" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
                                      {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
                                      {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};

/* Replaces in text[0..length), which no replacement makes longer; returns the new length. */
static size_t replace_all(char *text, size_t length, const replacement *r)
{
    const size_t from = strlen(r->from), to = strlen(r->to);
    size_t written = 0;
    for (size_t at = 0; at < length;) {
        if (length - at >= from && memcmp(text + at, r->from, from) == 0) {
            memcpy(text + written, r->to, to);
            written += to;
            at += from;
        } else {
            text[written++] = text[at++];
        }
    }
    return written;
}

bool token_decoder_add(token_decoder *d, int32_t id)
{
    const char *text = tokenizer_token_text(d->tok, id);
    const size_t prefix = sizeof CONTINUES - 1;
    if (text == NULL)
        return true;
    const bool continues = d->begun && strncmp(text, CONTINUES, prefix) == 0;
    const bool blank = d->begun && !continues;
    d->begun = true;
    if (continues)
        text += prefix;
    size_t length = strlen(text) + blank;
    char *at = buf_reserve(d->out, length);
    if (at == NULL)
        return false;
    if (blank)
        *at = ' ';
    memcpy(at + blank, text, length - blank);
    for (size_t i = 0; i < sizeof cleanup / sizeof cleanup[0]; i++)
        length = replace_all(at, length, &cleanup[i]);
    buf_commit(d->out, length);
    return true;
}
