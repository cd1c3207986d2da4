/* Values of 1e-5 .. 1e9 go through one multiplication by a power of ten and integer arithmetic; 9 digits of a double's
 * 15 are kept, so the product's rounding never matters. What is left is rare in vectors and goes through printf. */
#include "server/float_text.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define DIGITS 9
#define SMALLEST_EXPONENT (-5)
#define LARGEST_EXPONENT 8

/* power[i] = 10^(i - 5) */
static const double power[] = {1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1e0,  1e1,  1e2,  1e3, 1e4,
                               1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11, 1e12, 1e13};

static double power_of_ten(int exponent)
{
    return power[exponent - SMALLEST_EXPONENT];
}

static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
                            "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
                            "8081828384858687888990919293949596979899";

/* n < 10^9 as nine digits. */
static void write_digits(uint32_t n, char *digits)
{
    uint32_t high = n / 10000, low = n % 10000; /* 5 and 4 digits */
    uint32_t first = high / 10000, rest = high % 10000;
    digits[0] = (char)('0' + first);
    memcpy(digits + 1, pairs + 2 * (rest / 100), 2);
    memcpy(digits + 3, pairs + 2 * (rest % 100), 2);
    memcpy(digits + 5, pairs + 2 * (low / 100), 2);
    memcpy(digits + 7, pairs + 2 * (low % 100), 2);
}

static size_t write_rare(float value, char *out)
{
    char text[FLOAT_TEXT_MAX + 1];
    size_t length = (size_t)snprintf(text, sizeof text, "%.9g", (double)value);
    memcpy(out, text, length);
    if (strpbrk(text, ".e") == NULL) {
        memcpy(out + length, ".0", 2);
        length += 2;
    }
    return length;
}

size_t float_text_write(float value, char *out)
{
    if (!isfinite(value))
        return 0;
    double magnitude = fabs((double)value);
    size_t at = 0;
    if (signbit(value))
        out[at++] = '-';
    if (magnitude == 0) {
        memcpy(out + at, "0.0", 3);
        return at + 3;
    }
    if (magnitude < 1e-5 || magnitude >= 1e8)
        return write_rare(value, out);

    /* floor(log10), guessed from the binary exponent by 1233/4096 = log10(2), at most one too small */
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    int exponent = (((int)((bits >> 23) & 0xFF) - 127) * 1233) >> 12;
    if (exponent < SMALLEST_EXPONENT)
        exponent = SMALLEST_EXPONENT;
    if (magnitude >= power_of_ten(exponent + 1))
        exponent++;
    uint32_t n = (uint32_t)(magnitude * power_of_ten(DIGITS - 1 - exponent) + 0.5);
    if (n >= 1000000000U) { /* 9.999999999 rounded up to the next power of ten */
        n /= 10;
        exponent++;
    }
    char digits[DIGITS];
    write_digits(n, digits);
    size_t significant = DIGITS;
    size_t whole = exponent >= 0 ? (size_t)exponent + 1 : 0;
    while (significant > whole + (whole > 0) && significant > 1 && digits[significant - 1] == '0')
        significant--;
    if (whole > 0) {
        memcpy(out + at, digits, whole);
        at += whole;
        out[at++] = '.';
        if (significant > whole) {
            memcpy(out + at, digits + whole, significant - whole);
            return at + significant - whole;
        }
        out[at++] = '0';
        return at;
    }
    memcpy(out + at, "0.00000", 7);
    at += (size_t)(1 - exponent);
    memcpy(out + at, digits, significant);
    return at + significant;
}
