/* Values of 2^-10 to below 1, nearly all of a unit vector's, get ten decimals without a branch: neighbouring floats are
 * at least 2^-33 = 1.16e-10 apart there, more than a last decimal, so that each reads back as itself. Others below 1e8
 * (some models have dimensions that are next to nothing) get nine significant digits by one multiplication with a power of
 * ten; a double's 15 digits are enough for the product's rounding never to matter. What is left goes through printf. */
#include "api/float_text.h"

#include "base/memory.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "eight digits are written as one integer");

#define DIGITS 9
#define SMALLEST_FIXED 1e-5 /* below: with an exponent, as printf's %g */
#define LARGEST_SCALED 1e8

/* Of ten, by exponent: what brings the smallest float, 1.4e-45, to nine digits. */
static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10,
                                1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21,
                                1e22, 1e23, 1e24, 1e25, 1e26, 1e27, 1e28, 1e29, 1e30, 1e31, 1e32,
                                1e33, 1e34, 1e35, 1e36, 1e37, 1e38, 1e39, 1e40, 1e41, 1e42, 1e43,
                                1e44, 1e45, 1e46, 1e47, 1e48, 1e49, 1e50, 1e51, 1e52, 1e53};

static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
                            "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
                            "8081828384858687888990919293949596979899";

#define TRIPLES_OF_TEN(tens)                                                                                 \
    tens "0\0" tens "1\0" tens "2\0" tens "3\0" tens "4\0" tens "5\0" tens "6\0" tens "7\0" tens "8\0" tens  \
         "9\0"
#define TRIPLES_OF_HUNDRED(hundreds)                                                                         \
    TRIPLES_OF_TEN(hundreds "0")                                                                             \
    TRIPLES_OF_TEN(hundreds "1")                                                                             \
    TRIPLES_OF_TEN(hundreds "2")                                                                             \
    TRIPLES_OF_TEN(hundreds "3")                                                                             \
    TRIPLES_OF_TEN(hundreds "4")                                                                             \
    TRIPLES_OF_TEN(hundreds "5")                                                                             \
    TRIPLES_OF_TEN(hundreds "6")                                                                             \
    TRIPLES_OF_TEN(hundreds "7")                                                                             \
    TRIPLES_OF_TEN(hundreds "8")                                                                             \
    TRIPLES_OF_TEN(hundreds "9")

/* "000" to "999", four bytes apart. */
static const char triples[] = TRIPLES_OF_HUNDRED("0") TRIPLES_OF_HUNDRED("1") TRIPLES_OF_HUNDRED("2")
    TRIPLES_OF_HUNDRED("3") TRIPLES_OF_HUNDRED("4") TRIPLES_OF_HUNDRED("5") TRIPLES_OF_HUNDRED("6")
        TRIPLES_OF_HUNDRED("7") TRIPLES_OF_HUNDRED("8") TRIPLES_OF_HUNDRED("9");

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

#define COMMON_LEAST_BITS 0x3A800000U /* of 2^-10 */
#define COMMON_END_BITS 0x3F800000U   /* of 1 */
#define COMMON_DECIMALS 10
#define COMMON_HALF_DECIMAL 922337204U /* 2^64 / 10^10 / 2 */
#define COMMON_POINT 0x2E30U           /* "0." */
_Static_assert(FLOAT_TEXT_MAX >= 1 + 2 * sizeof(uint64_t), "a value of common size is written as two words");

/* Takes three decimals off the fraction, as text in the low three bytes. */
static inline uint64_t next_triple(uint64_t *fraction)
{
    const unsigned __int128 product = (unsigned __int128)*fraction * 1000;
    uint32_t text;
    memcpy(&text, triples + 4 * (size_t)(product >> 64), sizeof text);
    *fraction = (uint64_t)product;
    return text;
}

/* bits: of a magnitude of 2^-10 to below 1, which a fraction of 2^64 holds exactly. Writes a comma as well, which does not
 * count: few and wide stores are what makes this fast. */
static inline size_t write_common(uint32_t bits, char *out)
{
    const size_t sign = bits >> 31;
    const unsigned exponent = bits >> 23 & 0xFF;
    uint64_t rest = ((uint64_t)(bits & 0x7FFFFF) | 0x800000) << (exponent - 86);
    rest += COMMON_HALF_DECIMAL;
    uint64_t head = COMMON_POINT | next_triple(&rest) << 16;
    head |= next_triple(&rest) << 40;
    uint64_t tail = next_triple(&rest);
    const uint64_t digit = (uint64_t)((unsigned __int128)rest * 10 >> 64);
    tail |= ('0' + digit) << 24 | (uint64_t)',' << 32;
    out[0] = '-';
    memcpy(out + sign, &head, sizeof head);
    memcpy(out + sign + sizeof head, &tail, sizeof tail);
    return sign + 2 + COMMON_DECIMALS;
}

/* The magnitude, below LARGEST_SCALED and not 0, to nine digits; returns the decimal exponent of the first. */
static int to_digits(double magnitude, char *digits)
{
    /* floor(log10), guessed from the binary exponent by 1233/4096 = log10(2): at most one too small */
    uint64_t bits;
    memcpy(&bits, &magnitude, sizeof bits);
    int exponent = (((int)(bits >> 52) - 1023) * 1233) >> 12;
    double scaled = magnitude * powers[DIGITS - 1 - exponent];
    if (scaled >= 1e9 - 0.5)
        scaled = magnitude * powers[DIGITS - 1 - ++exponent];
    write_digits((uint32_t)(scaled + 0.5), digits);
    return exponent;
}

/* digits without the zeros at their end, with a point behind the first `whole` and a zero where nothing would follow it. */
static size_t write_point(const char *digits, size_t whole, char *out)
{
    size_t significant = DIGITS;
    while (significant > whole && digits[significant - 1] == '0')
        significant--;
    memcpy(out, digits, whole);
    out[whole] = '.';
    if (significant == whole) {
        out[whole + 1] = '0';
        return whole + 2;
    }
    memcpy(out + whole + 1, digits + whole, significant - whole);
    return significant + 1;
}

static size_t write_below_one(const char *digits, size_t zeros, char *out)
{
    size_t significant = DIGITS;
    while (digits[significant - 1] == '0') /* the first is not */
        significant--;
    memcpy(out, "0.00000", 7);
    memcpy(out + 2 + zeros, digits, significant);
    return 2 + zeros + significant;
}

/* Apart, so that the loop over common values keeps the registers. */
__attribute__((noinline)) static size_t write_other(float value, char *out)
{
    if (!isfinite(value))
        return 0;
    double magnitude = fabs((double)value);
    size_t at = 0;
    char digits[DIGITS];
    if (magnitude >= LARGEST_SCALED)
        return write_rare(value, out);
    if (signbit(value))
        out[at++] = '-';
    if (magnitude == 0) {
        memcpy(out + at, "0.0", 3);
        return at + 3;
    }
    int exponent = to_digits(magnitude, digits);
    if (exponent >= 0)
        return at + write_point(digits, (size_t)exponent + 1, out + at);
    if (magnitude >= SMALLEST_FIXED)
        return at + write_below_one(digits, (size_t)(-1 - exponent), out + at);
    at += write_point(digits, 1, out + at);
    memcpy(out + at, "e-", 2);
    memcpy(out + at + 2, pairs + 2 * -exponent, 2);
    return at + 4;
}

static inline bool is_common(uint32_t bits)
{
    return (bits & 0x7FFFFFFFU) - COMMON_LEAST_BITS < COMMON_END_BITS - COMMON_LEAST_BITS;
}

static inline uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

size_t float_text_write(float value, char *out)
{
    const uint32_t bits = bits_of(value);
    return is_common(bits) ? write_common(bits, out) : write_other(value, out);
}

size_t float_text_write_list(const float *values, size_t count, char *out)
{
    char *at = out;
    for (size_t i = 0; i < count; i++) {
        const uint32_t bits = bits_of(values[i]);
        if (is_common(bits)) {
            at += write_common(bits, at) + 1; /* with its comma */
            continue;
        }
        const size_t length = write_other(values[i], at);
        if (length == 0)
            return 0;
        at += length;
        *at++ = ',';
    }
    return (size_t)(at - out) - (count > 0);
}

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
