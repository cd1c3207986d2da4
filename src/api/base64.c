#include "api/base64.h"

#include "base/memory.h"

#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "eight characters are written as one integer");

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Six bytes at `in`, of eight that may be read, as eight values of six bits, in order. */
static inline uint64_t split_sextets(const unsigned char *in)
{
    uint64_t x;
    memcpy(&x, in, sizeof x);
    x = __builtin_bswap64(x) >> 16;
    x = (x & UINT64_C(0x0000000000FFFFFF)) | (x & UINT64_C(0x0000FFFFFF000000)) << 8;
    x = (x & UINT64_C(0x00000FFF00000FFF)) | (x & UINT64_C(0x00FFF00000FFF000)) << 4;
    x = (x & UINT64_C(0x003F003F003F003F)) | (x & UINT64_C(0x0FC00FC00FC00FC0)) << 2;
    return __builtin_bswap64(x);
}

/* The compiler's vector type: SSE2 on any x86-64, NEON on any AArch64. */
typedef uint8_t sextets __attribute__((vector_size(16)));
typedef uint64_t sextet_halves __attribute__((vector_size(16)));

/* Where the alphabet jumps, by how much: A-Z, a-z, 0-9, + and /. */
static inline sextets to_alphabet(sextets v)
{
    const sextets zero = {0};
    return v + (zero + 'A') + ((sextets)(v > zero + 25) & (zero + ('a' - 'Z' - 1))) -
           ((sextets)(v > zero + 51) & (zero + ('z' - '0' + 1))) -
           ((sextets)(v > zero + 61) & (zero + ('9' - '+' + 1))) +
           ((sextets)(v > zero + 62) & (zero + ('/' - '+' - 1)));
}

#define STEP_BYTES ((size_t)12)

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
    for (; count - i >= STEP_BYTES + 2; i += STEP_BYTES, text += sizeof(sextets)) {
        sextets v = to_alphabet(
            (sextets)(sextet_halves){split_sextets(in + i), split_sextets(in + i + STEP_BYTES / 2)});
        memcpy(text, &v, sizeof v);
    }
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

static int sextet_of(char c)
{
    const char *at = c != '\0' ? strchr(alphabet, c) : NULL;
    return at != NULL ? (int)(at - alphabet) : -1;
}

/* Four characters; `pads` of the last ones are padding. False where others are not of the alphabet. */
static bool decode_group(const char *text, size_t pads, unsigned char bytes[3])
{
    uint32_t group = 0;
    for (size_t i = 0; i < 4; i++) {
        const int sextet = i < 4 - pads ? sextet_of(text[i]) : 0;
        if (sextet < 0)
            return false;
        group = group << 6 | (uint32_t)sextet;
    }
    bytes[0] = (unsigned char)(group >> 16);
    bytes[1] = (unsigned char)(group >> 8);
    bytes[2] = (unsigned char)group;
    return true;
}

bool base64_decode(buf *out, const char *text, size_t length)
{
    if (length % 4 != 0)
        return false;
    for (size_t at = 0; at < length; at += 4) {
        unsigned char bytes[3];
        const bool last = at + 4 == length;
        const size_t pads = !last || text[at + 3] != '=' ? 0 : text[at + 2] == '=' ? 2 : 1;
        if (!decode_group(text + at, pads, bytes) || !buf_append(out, bytes, 3 - pads))
            return false;
    }
    return true;
}
