/* Floats as JSON numbers, fast: the decimal text has nine significant digits and reads back as the same float. */
#ifndef SERVER_FLOAT_TEXT_H
#define SERVER_FLOAT_TEXT_H

#include <stddef.h>

#define FLOAT_TEXT_MAX 24

/* Writes `value` to out[0..FLOAT_TEXT_MAX) without a terminating NUL and returns the length; 0, with nothing written,
 * for NaN and infinities, which JSON cannot say. Always with a decimal point or an exponent, so that readers take it
 * for a real number: "0.0", "-0.0123456791", "1.2676506e+30". */
size_t float_text_write(float value, char *out);

#endif
