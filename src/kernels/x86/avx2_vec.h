/* The vector operations that the templates of kernels/simd are written in, for AVX2 with FMA: 8 floats, 6 x 16 tiles (12
 * sums of the 16 registers). */
#ifndef KERNELS_AVX2_VEC_H
#define KERNELS_AVX2_VEC_H

#include <immintrin.h>
#include <stddef.h>

#define VF_LANES 8
#define TILE_ROWS 6

typedef __m256 vf32;

static inline vf32 vf_set1(float x)
{
    return _mm256_set1_ps(x);
}

static inline vf32 vf_load(const float *p)
{
    return _mm256_loadu_ps(p);
}

static inline void vf_store(float *p, vf32 v)
{
    _mm256_storeu_ps(p, v);
}

/* bf16 as f32. */
static inline vf32 vf_load_bf16(const void *p)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(p)), 16));
}

/* The low and the high four bits of bytes, as whole numbers. */
static inline vf32 vf_load_low_halves(const unsigned char *p)
{
    const __m256i bytes = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p));
    return _mm256_cvtepi32_ps(_mm256_and_si256(bytes, _mm256_set1_epi32(15)));
}

static inline vf32 vf_load_high_halves(const unsigned char *p)
{
    const __m256i bytes = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p));
    return _mm256_cvtepi32_ps(_mm256_srli_epi32(bytes, 4));
}

static inline __m256i vf_mask(size_t lanes)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)lanes), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* Of lanes 0 .. lanes - 1 (at most VF_LANES); the others are zero / not written / taken from `rest`. */
static inline vf32 vf_load_first(const float *p, size_t lanes)
{
    return _mm256_maskload_ps(p, vf_mask(lanes));
}

static inline void vf_store_first(float *p, size_t lanes, vf32 v)
{
    _mm256_maskstore_ps(p, vf_mask(lanes), v);
}

static inline vf32 vf_first(vf32 v, size_t lanes, vf32 rest)
{
    return _mm256_blendv_ps(rest, v, _mm256_castsi256_ps(vf_mask(lanes)));
}

static inline vf32 vf_add(vf32 a, vf32 b)
{
    return _mm256_add_ps(a, b);
}

static inline vf32 vf_sub(vf32 a, vf32 b)
{
    return _mm256_sub_ps(a, b);
}

static inline vf32 vf_mul(vf32 a, vf32 b)
{
    return _mm256_mul_ps(a, b);
}

static inline vf32 vf_div(vf32 a, vf32 b)
{
    return _mm256_div_ps(a, b);
}

/* a * b + c, rounded once */
static inline vf32 vf_fma(vf32 a, vf32 b, vf32 c)
{
    return _mm256_fmadd_ps(a, b, c);
}

/* The greater one; b when either is NaN. */
static inline vf32 vf_max(vf32 a, vf32 b)
{
    return _mm256_max_ps(a, b);
}

/* x, or limit with the sign of x where x is beyond; limit > 0. For NaN some number. */
static inline vf32 vf_limit(vf32 x, float limit)
{
    return _mm256_min_ps(_mm256_max_ps(x, _mm256_set1_ps(-limit)), _mm256_set1_ps(limit));
}

/* a < limit ? yes : no, by lane; no when a is NaN. */
static inline vf32 vf_if_less(vf32 a, vf32 limit, vf32 yes, vf32 no)
{
    return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(a, limit, _CMP_LT_OQ));
}

static inline vf32 vf_abs(vf32 a)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}

/* To the nearest integer, ties to even. */
static inline vf32 vf_round(vf32 a)
{
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* a * 2^n for an integral n in [-126, 127] */
static inline vf32 vf_scale2(vf32 a, vf32 n)
{
    __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
    return _mm256_mul_ps(a, _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23)));
}

/* Over all lanes, in one fixed order. */
static inline float vf_sum(vf32 v)
{
    __m128 b = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    b = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(b, _mm_movehdup_ps(b)));
}

/* Over all lanes; any lane when one is NaN. */
static inline float vf_greatest(vf32 v)
{
    __m128 b = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    b = _mm_max_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_max_ss(b, _mm_movehdup_ps(b)));
}

#endif
