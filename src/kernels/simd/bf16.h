/* Template: bf16 as the number of a precision; a unit is a pair, products and sums are f32. Include after a tier's vec
 * header that has pairs, before tile.h. Functions need no more accuracy than bf16 holds: see math.h about the fits. */
#ifndef KERNELS_SIMD_BF16_H
#define KERNELS_SIMD_BF16_H

#include <stddef.h>

#include "kernels/bf16.h"
#include "kernels/simd/math.h"

#define NUMBER KERNEL_BF16
#define UNIT_NUMBERS 2

typedef uint16_t number __attribute__((may_alias));

static inline number number_round(float x)
{
    return bf16_round(x);
}

static inline vf32 unit_of(float x)
{
    return vf_set1_pair(bf16_round(x));
}

static inline vf32 tile_step(vf32 a, vf32 b, vf32 sum)
{
    return vf_dot_pairs(a, b, sum);
}

static inline vf32 vf_load_numbers(const number *p)
{
    return vf_load_bf16(p);
}

static inline vf32 vf_load_first_numbers(const number *p, size_t lanes)
{
    return vf_load_first_bf16(p, lanes);
}

static inline void vf_store_numbers(number *p, vf32 v)
{
    vf_store_bf16(p, v);
}

static inline void vf_store_first_numbers(number *p, size_t lanes, vf32 v)
{
    vf_store_first_bf16(p, lanes, v);
}

/* Lane j: column j of both rows as a pair. Only lanes 0 .. lanes - 1 are read, the others are zero; a row that is NULL
 * is zero. */
static inline vf32 vf_load_units(const number *const rows[UNIT_NUMBERS], size_t lanes)
{
    return vf_load_pairs(rows[0], rows[1], lanes < VF_LANES ? lanes : VF_LANES);
}

/* 2^x for x <= 126; 2^-126 or 0 below -126. NaN stays. Relative error at most 7.6e-5: a polynomial of degree 3. */
static inline vf32 number_exp2(vf32 x)
{
    x = vf_max(vf_set1(-126.0f), x);
    vf32 n = vf_round(x), r = vf_sub(x, n);
    vf32 p = vf_set1(0.05517134f);
    p = vf_fma(p, r, vf_set1(0.24261117f));
    p = vf_fma(p, r, vf_set1(0.693261f));
    p = vf_fma(p, r, vf_set1(0.99992806f));
    return vf_scale2(p, n);
}

/* x / 2 (1 + erf(x / sqrt(2))) as x (1/2 + x Q(x^2)), Q of degree 8, with x in the bracket limited to [-4.4, 4.4], where
 * the bracket was made to reach 0 and 1. Error at most 4.2e-5 + 16 u |x|. */
static inline vf32 number_gelu_erf(vf32 x)
{
    vf32 limited = vf_limit(x, 4.4f), y = vf_mul(limited, limited);
    vf32 q = vf_set1(3.56943e-11f);
    q = vf_fma(q, y, vf_set1(-3.75405e-09f));
    q = vf_fma(q, y, vf_set1(1.7408478e-07f));
    q = vf_fma(q, y, vf_set1(-4.724869e-06f));
    q = vf_fma(q, y, vf_set1(8.429303e-05f));
    q = vf_fma(q, y, vf_set1(-0.0010549926f));
    q = vf_fma(q, y, vf_set1(0.0096430285f));
    q = vf_fma(q, y, vf_set1(-0.06607643f));
    q = vf_fma(q, y, vf_set1(0.3987604f));
    return vf_mul(x, vf_max(vf_set1(0.0f), vf_fma(limited, q, vf_set1(0.5f))));
}

/* Rows of f32 as rows of numbers. */
static inline void simd_narrow(size_t rows, size_t columns, const float *from, size_t from_stride, void *to,
                               size_t to_stride)
{
    const size_t whole = columns / VF_LANES * VF_LANES;
    for (size_t r = 0; r < rows; r++) {
        const float *row = from + r * from_stride;
        number *numbers = (number *)to + r * to_stride;
        for (size_t i = 0; i < whole; i += VF_LANES)
            vf_store_numbers(numbers + i, vf_load(row + i));
        if (whole < columns)
            vf_store_first_numbers(numbers + whole, columns - whole,
                                   vf_load_first(row + whole, columns - whole));
        if (columns % UNIT_NUMBERS != 0)
            numbers[columns] = number_round(0.0f);
    }
}

#endif
