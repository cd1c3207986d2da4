/* UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/buf.h"

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

/* Bytes to text: what is not UTF-8 becomes U+FFFD. */

/* Appends the bytes, with a U+FFFD for each longest beginning of a character that breaks off, and for each other byte that
 * is not UTF-8 (Unicode 3.9, "maximal subparts", as in Python and Rust). False = out of memory, or beyond the maximum of
 * `out`. */
bool utf8_repair(const char *bytes, size_t length, buf *out);

/* Text from outside, on its way to a terminal or to a log that people read. Characters that control the terminal,
 * break the line or change the order of the text are written as escapes, and bytes that are not UTF-8 as U+FFFD. */

/* The longest piece, "\U000e0001". */
#define VISIBLE_TEXT_BYTES 10

/* True for control characters (C0, DEL, C1), line and paragraph separators, marks and overrides of direction,
 * characters without width such as the byte order mark, annotations and tags. False for joiners, which scripts and
 * emoji need. */
bool visible_text_hides(uint32_t code_point);

/* Writes the first character of text[0..length), length > 0, to piece: as it is, or as an escape such as \x1b, \u009b
 * or \U000e0001. Returns how many bytes of the text were used. *piece_bytes gets the length of the piece, which is
 * not terminated by NUL. */
size_t visible_text_next(const char *text, size_t length, char piece[VISIBLE_TEXT_BYTES],
                         size_t *piece_bytes);

#endif
