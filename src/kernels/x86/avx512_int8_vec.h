/* The operations of simd/int8_*.h for AVX-512, by VNNI where the tier has it. */
#ifndef KERNELS_AVX512_INT8_VEC_H
#define KERNELS_AVX512_INT8_VEC_H

#include "kernels/x86/avx512_vec.h"

#include <stdint.h>
#include <string.h>

#define INT8_TILE_ROWS 12
#ifndef __AVX512VNNI__
#define INT8_PAIRS
#endif

typedef int32_t vi32 __attribute__((vector_size(64)));

#ifndef INT8_ZERO
#define INT8_ZERO 128 /* one side of vi_dot is unsigned; matrix tiles multiply signed bytes */
#endif

/* The compiler must take the vector for another one from here on. */
#define VI_HIDE(v) __asm__("" : "+v"(v))

static inline vi32 vi_load(const void *p)
{
    return (vi32)_mm512_loadu_si512(p);
}

/* The four bytes at p in every lane. */
static inline vi32 vi_set1_unit(const unsigned char *p)
{
    int32_t unit;
    memcpy(&unit, p, sizeof unit);
    return (vi32)_mm512_set1_epi32(unit);
}

static inline vf32 vi_to_f32(vi32 v)
{
    return _mm512_cvtepi32_ps((__m512i)v);
}

/* Without its sign, as bits. */
static inline vi32 vi_magnitude(vf32 v)
{
    return (vi32)_mm512_and_si512(_mm512_castps_si512(v), _mm512_set1_epi32(0x7fffffff));
}

static inline vi32 vi_max(vi32 a, vi32 b)
{
    return (vi32)_mm512_max_epi32((__m512i)a, (__m512i)b);
}

/* Over all lanes. */
static inline uint32_t vi_greatest(vi32 v)
{
    return (uint32_t)_mm512_reduce_max_epi32((__m512i)v);
}

/* Of numbers within -127 .. 127: the nearest whole ones, ties to even, plus INT8_ZERO. */
static inline void vf_store_int8(unsigned char *p, vf32 v)
{
    const __m128i bytes = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(v));
    _mm_storeu_si128((__m128i *)p, _mm_xor_si128(bytes, _mm_set1_epi8((char)INT8_ZERO)));
}

/* sum + the sum of a unit's products of unsigned a and signed b, by lane. Without VNNI, sums of two products fit 16 bits, see
 * int8_pack.h. */
static inline vi32 vi_dot(vi32 sum, vi32 a, vi32 b)
{
#ifdef __AVX512VNNI__
    /* By the intrinsic, gcc 12 copies sums between registers and the stack. */
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
    return sum;
#else
    const __m512i pairs = _mm512_maddubs_epi16((__m512i)a, (__m512i)b);
    return sum + (vi32)_mm512_madd_epi16(pairs, _mm512_set1_epi16(1));
#endif
}

#endif
