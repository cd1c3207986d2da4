/* The operations of simd/int8_*.h for Advanced SIMD, but the products of bytes. Rows are signed, as the weights are. */
#ifndef KERNELS_NEON_INT8_VEC_H
#define KERNELS_NEON_INT8_VEC_H

#include "kernels/arm/neon_vec.h"

#include <stdint.h>
#include <string.h>

#define INT8_ZERO 0
#define INT8_TILE_ROWS 12

typedef int32x4_t vi32;

/* The compiler must take the vector for another one from here on. */
#define VI_HIDE(v) __asm__("" : "+w"(v))

static inline vi32 vi_load(const void *p)
{
    return vreinterpretq_s32_s8(vld1q_s8(p));
}

/* The four bytes at p in every lane. */
static inline vi32 vi_set1_unit(const unsigned char *p)
{
    int32_t unit;
    memcpy(&unit, p, sizeof unit);
    return vdupq_n_s32(unit);
}

static inline vf32 vi_to_f32(vi32 v)
{
    return vcvtq_f32_s32(v);
}

/* Without its sign, as bits. */
static inline vi32 vi_magnitude(vf32 v)
{
    return vandq_s32(vreinterpretq_s32_f32(v), vdupq_n_s32(0x7fffffff));
}

static inline vi32 vi_max(vi32 a, vi32 b)
{
    return vmaxq_s32(a, b);
}

/* Over all lanes. */
static inline uint32_t vi_greatest(vi32 v)
{
    return (uint32_t)vmaxvq_s32(v);
}

/* Of numbers within -127 .. 127: the nearest whole ones, ties to even, plus INT8_ZERO. */
static inline void vf_store_int8(unsigned char *p, vf32 v)
{
    const int16x4_t words = vmovn_s32(vcvtnq_s32_f32(v));
    const int8x8_t bytes = vmovn_s16(vcombine_s16(words, words));
    const int32_t unit = vget_lane_s32(vreinterpret_s32_s8(bytes), 0);
    memcpy(p, &unit, sizeof unit);
}

#endif
