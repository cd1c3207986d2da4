/* Template: rows as int8, zero at INT8_ZERO, which vf_store_int8 adds. Include after a tier's vec header, its int8 operations and the header of a
 * number. */
#ifndef KERNELS_SIMD_INT8_QUANTISE_H
#define KERNELS_SIMD_INT8_QUANTISE_H

#include "kernels/int8.h"

/* Numbers at .. at + VF_LANES - 1 of a row of `count`, times their factors; zero where none are left. */
static inline __attribute__((always_inline)) vf32
simd_given(const kernel_number from_number, const void *from, const float *factors, size_t at, size_t count)
{
    const bool whole = count - at >= VF_LANES;
    const size_t rest = count - at;
    vf32 x;
    if (from_number == KERNEL_F32)
        x = whole ? vf_load((const float *)from + at) : vf_load_first((const float *)from + at, rest);
    else
        x = whole ? vf_load_numbers((const number *)from + at)
                  : vf_load_first_numbers((const number *)from + at, rest);
    if (factors == NULL)
        return x;
    return vf_mul(x, whole ? vf_load(factors + at) : vf_load_first(factors + at, rest));
}

/* One chunk. Two greatest ones so that the loop does not wait for the latest; which does not matter to the result. */
static inline __attribute__((always_inline)) void simd_quantise_chunk(const kernel_number from_number,
                                                                      const void *from, const float *factors,
                                                                      size_t count, unsigned char *values,
                                                                      float *scale)
{
    vi32 greatest = vi_magnitude(vf_set1(0.0f)), greatest_too = greatest;
    size_t i = 0;
    float inverse;
    for (; i + 2 * VF_LANES <= count; i += 2 * VF_LANES) {
        greatest = vi_max(greatest, vi_magnitude(simd_given(from_number, from, factors, i, count)));
        greatest_too =
            vi_max(greatest_too, vi_magnitude(simd_given(from_number, from, factors, i + VF_LANES, count)));
    }
    for (; i < count; i += VF_LANES)
        greatest = vi_max(greatest, vi_magnitude(simd_given(from_number, from, factors, i, count)));
    *scale = int8_scale(vi_greatest(vi_max(greatest, greatest_too)), &inverse);
    const vf32 by = vf_set1(inverse);
    for (i = 0; i < count; i += VF_LANES) /* what is stored behind the last number stays in its line */
        vf_store_int8(values + i, vf_mul(simd_given(from_number, from, factors, i, count), by));
}

static inline __attribute__((always_inline)) void
simd_quantise_rows(const int8_quantisation *q, const kernel_number from_number, const bool with_factors)
{
    const size_t size = from_number == KERNEL_F32 ? sizeof(float) : sizeof(number);
    for (size_t r = 0; r < q->rows; r++)
        for (size_t first = 0; first < q->columns; first += INT8_CHUNK) {
            const size_t count = q->columns - first < INT8_CHUNK ? q->columns - first : INT8_CHUNK;
            simd_quantise_chunk(
                from_number, (const unsigned char *)q->from + (r * q->from_stride + first) * size,
                with_factors ? q->factors + first : NULL, count, q->to.values + r * q->to.stride + first,
                q->to.scales + r * q->to.scale_stride + first / INT8_CHUNK);
        }
}

static void simd_quantise(const int8_quantisation *q)
{
    const bool with_factors = q->factors != NULL;
    if (q->number != KERNEL_F32 && with_factors)
        simd_quantise_rows(q, NUMBER, true);
    else if (q->number != KERNEL_F32)
        simd_quantise_rows(q, NUMBER, false);
    else if (with_factors)
        simd_quantise_rows(q, KERNEL_F32, true);
    else
        simd_quantise_rows(q, KERNEL_F32, false);
}

#endif
