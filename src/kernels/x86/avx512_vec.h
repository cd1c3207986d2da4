/* The vector operations that the templates of kernels/simd are written in, for AVX-512: 16 floats, 12 x 32 tiles (24 sums
 * of the 32 registers). */
#ifndef KERNELS_AVX512_VEC_H
#define KERNELS_AVX512_VEC_H

#include <immintrin.h>
#include <stddef.h>

#define VF_LANES 16
#define TILE_ROWS 12

typedef __m512 vf32;

static inline vf32 vf_set1(float x)
{
    return _mm512_set1_ps(x);
}

static inline vf32 vf_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

static inline void vf_store(float *p, vf32 v)
{
    _mm512_storeu_ps(p, v);
}

/* bf16 as f32. */
static inline vf32 vf_load_bf16(const void *p)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(p)), 16));
}

/* The low and the high four bits of bytes, as whole numbers. */
static inline vf32 vf_load_low_halves(const unsigned char *p)
{
    const __m512i bytes = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p));
    return _mm512_cvtepi32_ps(_mm512_and_si512(bytes, _mm512_set1_epi32(15)));
}

static inline vf32 vf_load_high_halves(const unsigned char *p)
{
    const __m512i bytes = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p));
    return _mm512_cvtepi32_ps(_mm512_srli_epi32(bytes, 4));
}

static inline __mmask16 vf_mask(size_t lanes)
{
    return (__mmask16)((1u << lanes) - 1);
}

/* Of lanes 0 .. lanes - 1 (at most VF_LANES); the others are zero / not written / taken from `rest`. */
static inline vf32 vf_load_first(const float *p, size_t lanes)
{
    return _mm512_maskz_loadu_ps(vf_mask(lanes), p);
}

static inline void vf_store_first(float *p, size_t lanes, vf32 v)
{
    _mm512_mask_storeu_ps(p, vf_mask(lanes), v);
}

static inline vf32 vf_first(vf32 v, size_t lanes, vf32 rest)
{
    return _mm512_mask_mov_ps(rest, vf_mask(lanes), v);
}

static inline vf32 vf_add(vf32 a, vf32 b)
{
    return _mm512_add_ps(a, b);
}

static inline vf32 vf_sub(vf32 a, vf32 b)
{
    return _mm512_sub_ps(a, b);
}

static inline vf32 vf_mul(vf32 a, vf32 b)
{
    return _mm512_mul_ps(a, b);
}

static inline vf32 vf_div(vf32 a, vf32 b)
{
    return _mm512_div_ps(a, b);
}

/* a * b + c, rounded once */
static inline vf32 vf_fma(vf32 a, vf32 b, vf32 c)
{
    return _mm512_fmadd_ps(a, b, c);
}

/* The greater one; b when either is NaN. */
static inline vf32 vf_max(vf32 a, vf32 b)
{
    return _mm512_max_ps(a, b);
}

/* x, or limit with the sign of x where x is beyond; limit > 0. For NaN some number. */
static inline vf32 vf_limit(vf32 x, float limit)
{
    return _mm512_range_ps(x, _mm512_set1_ps(limit), 2); /* the lesser magnitude, the sign of the first */
}

/* a < limit ? yes : no, by lane; no when a is NaN. */
static inline vf32 vf_if_less(vf32 a, vf32 limit, vf32 yes, vf32 no)
{
    return _mm512_mask_mov_ps(no, _mm512_cmp_ps_mask(a, limit, _CMP_LT_OQ), yes);
}

static inline vf32 vf_abs(vf32 a)
{
    return _mm512_abs_ps(a);
}

/* To the nearest integer, ties to even. */
static inline vf32 vf_round(vf32 a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* a * 2^n for an integral n in [-126, 127] */
static inline vf32 vf_scale2(vf32 a, vf32 n)
{
    return _mm512_scalef_ps(a, n);
}

/* Over all lanes, in one fixed order. */
static inline float vf_sum(vf32 v)
{
    __m256 a = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    b = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(b, _mm_movehdup_ps(b)));
}

/* Over all lanes; any lane when one is NaN. */
static inline float vf_greatest(vf32 v)
{
    __m256 a = _mm256_max_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    __m128 b = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    b = _mm_max_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_max_ss(b, _mm_movehdup_ps(b)));
}

#endif
