/* Bytes to text: what is not UTF-8 becomes U+FFFD. */
#ifndef BASE_UTF8_REPAIR_H
#define BASE_UTF8_REPAIR_H

#include "base/buf.h"

/* Appends the bytes, with a U+FFFD for each longest beginning of a character that breaks off, and for each other byte that
 * is not UTF-8 (Unicode 3.9, "maximal subparts", as in Python and Rust). False = out of memory, or beyond the maximum of
 * `out`. */
bool utf8_repair(const char *bytes, size_t length, buf *out);

#endif
