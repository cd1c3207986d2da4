#include "server/base64.h"

#include "base/memory.h"

#include <stdint.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool base64_append(buf *out, const void *bytes, size_t count)
{
    size_t length;
    if (!size_mul(count / 3 + (count % 3 != 0), 4, &length))
        length = SIZE_MAX;
    char *text = buf_reserve(out, length);
    if (text == NULL)
        return false;
    const unsigned char *in = bytes;
    size_t i = 0;
    for (; i + 3 <= count; i += 3, text += 4) {
        unsigned group = (unsigned)in[i] << 16 | (unsigned)in[i + 1] << 8 | in[i + 2];
        text[0] = alphabet[group >> 18];
        text[1] = alphabet[group >> 12 & 63];
        text[2] = alphabet[group >> 6 & 63];
        text[3] = alphabet[group & 63];
    }
    if (i < count) {
        unsigned group = (unsigned)in[i] << 16 | (i + 1 < count ? (unsigned)in[i + 1] << 8 : 0);
        text[0] = alphabet[group >> 18];
        text[1] = alphabet[group >> 12 & 63];
        text[2] = i + 1 < count ? alphabet[group >> 6 & 63] : '=';
        text[3] = '=';
    }
    buf_commit(out, length);
    return true;
}
