/* Text from outside, on its way to a terminal or to a log that people read. Characters that control the terminal,
 * break the line or change the order of the text are written as escapes, and bytes that are not UTF-8 as U+FFFD. */
#ifndef BASE_VISIBLE_TEXT_H
#define BASE_VISIBLE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
