/* The vector operations that the templates of kernels/simd are written in, for Advanced SIMD of aarch64: 4 floats, 12 x 8
 * tiles (24 sums of the 32 registers). */
#ifndef KERNELS_NEON_VEC_H
#define KERNELS_NEON_VEC_H

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VF_LANES 4
#define TILE_ROWS 12
#define TILE_STEPS 2
#define TILE_ROWS_PER_POINTER 1

typedef float32x4_t vf32;

static inline vf32 vf_set1(float x)
{
    return vdupq_n_f32(x);
}

static inline vf32 vf_load(const float *p)
{
    return vld1q_f32(p);
}

static inline void vf_store(float *p, vf32 v)
{
    vst1q_f32(p, v);
}

/* bf16 as f32. */
static inline vf32 vf_load_bf16(const void *p)
{
    uint16x4_t halves;
    memcpy(&halves, p, sizeof halves);
    return vreinterpretq_f32_u32(vshlq_n_u32(vmovl_u16(halves), 16));
}

/* VF_LANES bytes as whole numbers. */
static inline uint32x4_t vf_load_bytes(const unsigned char *p)
{
    uint32_t bytes;
    memcpy(&bytes, p, sizeof bytes);
    return vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(bytes))));
}

/* The low and the high four bits of bytes, as whole numbers. */
static inline vf32 vf_load_low_halves(const unsigned char *p)
{
    return vcvtq_f32_u32(vandq_u32(vf_load_bytes(p), vdupq_n_u32(15)));
}

static inline vf32 vf_load_high_halves(const unsigned char *p)
{
    return vcvtq_f32_u32(vshrq_n_u32(vf_load_bytes(p), 4));
}

/* Of lanes 0 .. lanes - 1 (at most VF_LANES); the others are zero / not written / taken from `rest`. */
static inline vf32 vf_load_first(const float *p, size_t lanes)
{
    float values[VF_LANES] = {0.0f};
    memcpy(values, p, lanes * sizeof *p);
    return vld1q_f32(values);
}

static inline void vf_store_first(float *p, size_t lanes, vf32 v)
{
    float values[VF_LANES];
    vst1q_f32(values, v);
    memcpy(p, values, lanes * sizeof *p);
}

static inline vf32 vf_first(vf32 v, size_t lanes, vf32 rest)
{
    static const uint32_t indices[VF_LANES] = {0, 1, 2, 3};
    return vbslq_f32(vcltq_u32(vld1q_u32(indices), vdupq_n_u32((uint32_t)lanes)), v, rest);
}

static inline vf32 vf_add(vf32 a, vf32 b)
{
    return vaddq_f32(a, b);
}

static inline vf32 vf_sub(vf32 a, vf32 b)
{
    return vsubq_f32(a, b);
}

static inline vf32 vf_mul(vf32 a, vf32 b)
{
    return vmulq_f32(a, b);
}

static inline vf32 vf_div(vf32 a, vf32 b)
{
    return vdivq_f32(a, b);
}

/* a * b + c, rounded once */
static inline vf32 vf_fma(vf32 a, vf32 b, vf32 c)
{
    return vfmaq_f32(c, a, b);
}

/* The greater one; NaN when either is. */
static inline vf32 vf_max(vf32 a, vf32 b)
{
    return vmaxq_f32(a, b);
}

/* x, or limit with the sign of x where x is beyond; limit > 0. NaN stays. */
static inline vf32 vf_limit(vf32 x, float limit)
{
    return vminq_f32(vmaxq_f32(x, vdupq_n_f32(-limit)), vdupq_n_f32(limit));
}

/* a < limit ? yes : no, by lane; no when a is NaN. */
static inline vf32 vf_if_less(vf32 a, vf32 limit, vf32 yes, vf32 no)
{
    return vbslq_f32(vcltq_f32(a, limit), yes, no);
}

static inline vf32 vf_abs(vf32 a)
{
    return vabsq_f32(a);
}

/* To the nearest integer, ties to even. */
static inline vf32 vf_round(vf32 a)
{
    return vrndnq_f32(a);
}

/* a * 2^n for an integral n in [-126, 127] */
static inline vf32 vf_scale2(vf32 a, vf32 n)
{
    int32x4_t exponent = vaddq_s32(vcvtq_s32_f32(n), vdupq_n_s32(127));
    return vmulq_f32(a, vreinterpretq_f32_s32(vshlq_n_s32(exponent, 23)));
}

/* Over all lanes, in one fixed order. */
static inline float vf_sum(vf32 v)
{
    return vaddvq_f32(v);
}

/* Over all lanes; any lane when one is NaN. */
static inline float vf_greatest(vf32 v)
{
    return vmaxvq_f32(v);
}

/* TILE_STEPS floats of a row, of which an instruction takes one as the factor of a whole vector: half the loads of
 * one broadcast per float, and none of the arithmetic pipes that a broadcast takes on some cores. */
typedef float32x2_t vf_factors;

static inline vf_factors vf_load_factors(const float *p)
{
    vf_factors a = vld1_f32(p);
    __asm__("" : "+w"(a)); /* or gcc loads each float again for its own use */
    return a;
}

/* a[i] * b + c, rounded once */
static inline vf32 vf_fma_by(vf_factors a, size_t i, vf32 b, vf32 c)
{
    return i == 0 ? vfmaq_lane_f32(c, b, a, 0) : vfmaq_lane_f32(c, b, a, 1);
}

#define VF_BLOCK 4

/* to[i][j] = from[j][i], i, j < VF_BLOCK; strides in floats. */
static inline void vf_transpose(const float *from, size_t from_stride, float *to, size_t to_stride)
{
    const float32x4_t a = vld1q_f32(from), b = vld1q_f32(from + from_stride);
    const float32x4_t c = vld1q_f32(from + 2 * from_stride), d = vld1q_f32(from + 3 * from_stride);
    const float64x2_t ab0 = vreinterpretq_f64_f32(vtrn1q_f32(a, b)),
                      ab1 = vreinterpretq_f64_f32(vtrn2q_f32(a, b));
    const float64x2_t cd0 = vreinterpretq_f64_f32(vtrn1q_f32(c, d)),
                      cd1 = vreinterpretq_f64_f32(vtrn2q_f32(c, d));
    vst1q_f32(to, vreinterpretq_f32_f64(vtrn1q_f64(ab0, cd0)));
    vst1q_f32(to + to_stride, vreinterpretq_f32_f64(vtrn1q_f64(ab1, cd1)));
    vst1q_f32(to + 2 * to_stride, vreinterpretq_f32_f64(vtrn2q_f64(ab0, cd0)));
    vst1q_f32(to + 3 * to_stride, vreinterpretq_f32_f64(vtrn2q_f64(ab1, cd1)));
}

#endif
