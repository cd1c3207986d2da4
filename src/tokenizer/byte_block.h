/* What the tokenizer asks about many bytes at once: 16 in a vector, by the compiler's vector types, which become SSE2 on
 * any x86-64 and NEON on any AArch64, and plain integers elsewhere. One bit a byte, the first byte's the lowest. */
#ifndef TOKENIZER_BYTE_BLOCK_H
#define TOKENIZER_BYTE_BLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the bits of a block are gathered in memory order");

#define BYTE_VECTOR_BYTES ((size_t)16)
#define BYTE_BLOCK_BYTES ((size_t)64)

typedef uint8_t byte_vector __attribute__((vector_size(16)));

static inline byte_vector byte_vector_load(const char *bytes)
{
    byte_vector v;
    memcpy(&v, bytes, sizeof v);
    return v;
}

/* length < BYTE_VECTOR_BYTES; zeros behind them. */
static inline byte_vector byte_vector_load_part(const char *bytes, size_t length)
{
    char part[BYTE_VECTOR_BYTES] = {0};
    memcpy(part, bytes, length);
    return byte_vector_load(part);
}

/* 0xFF where first <= byte <= last. */
static inline byte_vector byte_vector_within(byte_vector v, uint8_t first, uint8_t last)
{
    const byte_vector zero = {0};
    return (byte_vector)(v - (zero + first) <= zero + (uint8_t)(last - first));
}

/* The highest bit of each byte. */
static inline uint64_t byte_vector_bits(byte_vector v)
{
#ifdef __SSE2__
    return (uint64_t)_mm_movemask_epi8((__m128i)v);
#else
    uint64_t half[2], bits[2];
    memcpy(half, &v, sizeof half);
    for (int i = 0; i < 2; i++)
        bits[i] = ((half[i] >> 7 & UINT64_C(0x0101010101010101)) * UINT64_C(0x0102040810204080)) >> 56;
    return bits[0] | bits[1] << 8;
#endif
}

/* ASCII upper case to lower case, all else as it is. */
static inline byte_vector byte_vector_lower(byte_vector v)
{
    const byte_vector zero = {0};
    return v + (byte_vector_within(v, 'A', 'Z') & (zero + ('a' - 'A')));
}

/* Bytes that the normalizer may do more with than change the case: all but printable ASCII. */
static inline uint64_t byte_vector_unprintable(byte_vector v)
{
    return byte_vector_bits(~byte_vector_within(v, 0x20, 0x7E));
}

/* Bytes where a word may end: ASCII white space and punctuation, and the first bytes of characters beyond ASCII. */
static inline uint64_t byte_vector_ends(byte_vector v)
{
    return byte_vector_bits(byte_vector_within(v, '\t', '\r') | byte_vector_within(v, ' ', '/') |
                            byte_vector_within(v, ':', '@') | byte_vector_within(v, '[', '`') |
                            byte_vector_within(v, '{', '~') | byte_vector_within(v, 0xC0, 0xFF));
}

/* As byte_vector_ends, of a block of BYTE_BLOCK_BYTES. */
static inline uint64_t byte_block_ends(const char *bytes)
{
    uint64_t ends = 0;
    for (size_t i = 0; i < BYTE_BLOCK_BYTES; i += BYTE_VECTOR_BYTES)
        ends |= byte_vector_ends(byte_vector_load(bytes + i)) << i;
    return ends;
}

#endif
