/* UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True when data[0..length) is valid; else *bad_offset (NULL allowed) is the first byte that is not. */
bool utf8_valid(const char *data, size_t length, size_t *bad_offset);

/* Decodes one code point of *valid* UTF-8 at data (length > 0 bytes left) and returns its length in bytes, 1 to 4. */
static inline size_t utf8_decode(const char *data, uint32_t *code_point)
{
    const unsigned char *b = (const unsigned char *)data;
    if (b[0] < 0x80) {
        *code_point = b[0];
        return 1;
    }
    if (b[0] < 0xE0) {
        *code_point = ((b[0] & 0x1FU) << 6) | (b[1] & 0x3FU);
        return 2;
    }
    if (b[0] < 0xF0) {
        *code_point = ((b[0] & 0x0FU) << 12) | ((b[1] & 0x3FU) << 6) | (b[2] & 0x3FU);
        return 3;
    }
    *code_point = ((b[0] & 0x07U) << 18) | ((b[1] & 0x3FU) << 12) | ((b[2] & 0x3FU) << 6) | (b[3] & 0x3FU);
    return 4;
}

/* Writes code_point (a valid scalar value) to out[0..4) and returns the number of bytes. */
size_t utf8_encode(uint32_t code_point, char *out);

#endif
