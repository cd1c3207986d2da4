/* Floats as JSON numbers, fast: the decimal text has nine significant digits, or ten decimals
 * where those say it as well, and reads back as the same float. */
#ifndef API_FLOAT_TEXT_H
#define API_FLOAT_TEXT_H

#include "base/buf.h"

#include <stddef.h>

#define FLOAT_TEXT_MAX 24

/* Writes `value` to out[0..FLOAT_TEXT_MAX) without a terminating NUL and returns the length; 0, with nothing written,
 * for NaN and infinities, which JSON cannot say. Always with a decimal point or an exponent, so that readers take it
 * for a real number: "0.0", "-0.0123456791", "0.5000000000", "1.2676506e+30". */
size_t float_text_write(float value, char *out);

/* Writes "v,v,…" of values[0..count) to out[0..count * (FLOAT_TEXT_MAX + 1)) and returns the length; 0 if one of them is NaN
 * or infinite (or there are none). */
size_t float_text_write_list(const float *values, size_t count, char *out);

/* Base64 of RFC 4648: standard alphabet, with padding. */

/* Appends the text of bytes[0..count). False as buf_append. */
bool base64_append(buf *out, const void *bytes, size_t count);

/* Appends the bytes of text[0..length). False also where the text is not base64 with its padding; what was appended is then
 * of no use. */
bool base64_decode(buf *out, const char *text, size_t length);

#endif
