/* The vector operations of AVX-512 with BF16: those of avx512_vec.h and pairs of bf16, which are carried as vectors of
 * 16 floats. */
#ifndef KERNELS_AVX512_BF16_VEC_H
#define KERNELS_AVX512_BF16_VEC_H

#include "kernels/x86/avx512_vec.h"

#include <stdint.h>

/* Every lane the pair (x, x). */
static inline vf32 vf_set1_pair(uint16_t x)
{
    return _mm512_castsi512_ps(_mm512_set1_epi16((short)x));
}

/* sum + a.first * b.first + a.second * b.second, by lane; the additions round to the nearest, denormals are zero. */
static inline vf32 vf_dot_pairs(vf32 a, vf32 b, vf32 sum)
{
    return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
}

static inline vf32 vf_load_first_bf16(const void *p, size_t lanes)
{
    return _mm512_castsi512_ps(
        _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(vf_mask(lanes), p)), 16));
}

static inline void vf_store_bf16(void *p, vf32 v)
{
    _mm256_storeu_si256(p, (__m256i)_mm512_cvtneps_pbh(v));
}

/* Both in one store: two halves of a cache line take two places of the store buffer. */
static inline void vf_store_two_bf16(void *p, vf32 low, vf32 high)
{
    _mm512_storeu_si512(p, (__m512i)_mm512_cvtne2ps_pbh(high, low));
}

static inline void vf_store_first_bf16(void *p, size_t lanes, vf32 v)
{
    _mm256_mask_storeu_epi16(p, vf_mask(lanes), (__m256i)_mm512_cvtneps_pbh(v));
}

/* Lane j: the pair (first[j], second[j]), of lanes 0 .. lanes - 1; the others are zero, and so is a row that is NULL. */
static inline vf32 vf_load_pairs(const void *first, const void *second, size_t lanes)
{
    const __mmask16 mask = vf_mask(lanes);
    __m512i low = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, first));
    if (second == NULL)
        return _mm512_castsi512_ps(low);
    __m512i high = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, second));
    return _mm512_castsi512_ps(_mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
}

/* Lane j: the pair (first[j], second[j]), rounded. */
static inline vf32 vf_pairs(vf32 first, vf32 second)
{
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23,
                                           7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    const __m512i halves = (__m512i)_mm512_cvtne2ps_pbh(second, first);
    return _mm512_castsi512_ps(_mm512_permutexvar_epi16(order, halves));
}

#endif
