/* The operations of simd/int8_*.h for AVX2, but the dot product of bytes. */
#ifndef KERNELS_AVX2_INT8_VEC_H
#define KERNELS_AVX2_INT8_VEC_H

#include "kernels/x86/avx2_vec.h"

#include <stdint.h>
#include <string.h>

typedef __m256i vi32;

#define INT8_ZERO 128 /* one side of the dot product is unsigned */

/* The compiler must take the vector for another one from here on. */
#define VI_HIDE(v) __asm__("" : "+x"(v))

static inline vi32 vi_load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

/* The four bytes at p in every lane. */
static inline vi32 vi_set1_unit(const unsigned char *p)
{
    int32_t unit;
    memcpy(&unit, p, sizeof unit);
    return _mm256_set1_epi32(unit);
}

static inline vf32 vi_to_f32(vi32 v)
{
    return _mm256_cvtepi32_ps(v);
}

/* Without its sign, as bits. */
static inline vi32 vi_magnitude(vf32 v)
{
    return _mm256_and_si256(_mm256_castps_si256(v), _mm256_set1_epi32(0x7fffffff));
}

static inline vi32 vi_max(vi32 a, vi32 b)
{
    return _mm256_max_epi32(a, b);
}

/* Over all lanes. */
static inline uint32_t vi_greatest(vi32 v)
{
    __m128i b = _mm_max_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    b = _mm_max_epi32(b, _mm_shuffle_epi32(b, 0x4e));
    b = _mm_max_epi32(b, _mm_shuffle_epi32(b, 0xb1));
    return (uint32_t)_mm_cvtsi128_si32(b);
}

/* Of numbers within -127 .. 127: the nearest whole ones, ties to even, plus INT8_ZERO. */
static inline void vf_store_int8(unsigned char *p, vf32 v)
{
    const __m256i whole = _mm256_cvtps_epi32(v);
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
    const __m128i bytes = _mm_xor_si128(_mm_packs_epi16(words, words), _mm_set1_epi8((char)0x80));
    _mm_storel_epi64((__m128i *)p, bytes);
}

#endif
