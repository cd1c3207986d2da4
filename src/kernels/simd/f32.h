/* Template: f32 as the number of a precision. Include after a tier's vec header, before tile.h. */
#ifndef KERNELS_SIMD_F32_H
#define KERNELS_SIMD_F32_H

#include <stddef.h>

#include "kernels/simd/math.h"

#define NUMBER KERNEL_F32
#define UNIT_NUMBERS 1

typedef float number;

static inline number number_round(float x)
{
    return x;
}

static inline vf32 unit_of(float x)
{
    return vf_set1(x);
}

static inline vf32 tile_step(vf32 a, vf32 b, vf32 sum)
{
    return vf_fma(a, b, sum);
}

static inline vf32 vf_load_numbers(const number *p)
{
    return vf_load(p);
}

static inline vf32 vf_load_first_numbers(const number *p, size_t lanes)
{
    return vf_load_first(p, lanes);
}

#if TILE_STEPS > 1
typedef vf_factors tile_factors;

static inline tile_factors tile_load_factors(const number *p)
{
    return vf_load_factors(p);
}

static inline vf32 tile_step_by(tile_factors a, size_t i, vf32 b, vf32 sum)
{
    return vf_fma_by(a, i, b, sum);
}
#endif

static inline void vf_store_numbers(number *p, vf32 v)
{
    vf_store(p, v);
}

static inline void vf_store_first_numbers(number *p, size_t lanes, vf32 v)
{
    vf_store_first(p, lanes, v);
}

/* Lane j: the unit of column j of a row. Only lanes 0 .. lanes - 1 are read, the others are zero. */
static inline vf32 vf_load_units(const number *const rows[UNIT_NUMBERS], size_t lanes)
{
    return lanes >= VF_LANES ? vf_load(rows[0]) : vf_load_first(rows[0], lanes);
}

static inline vf32 number_exp2(vf32 x)
{
    return vf_exp2(x);
}

static inline vf32 number_gelu_erf(vf32 x)
{
    return vf_gelu_erf(x);
}

#endif
