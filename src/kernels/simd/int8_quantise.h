/* Template: rows as int8, zero at INT8_ZERO, which vf_store_int8 adds. Include after a tier's vec header, its int8 operations and the header of a
 * number. */
#ifndef KERNELS_SIMD_INT8_QUANTISE_H
#define KERNELS_SIMD_INT8_QUANTISE_H

#include "kernels/int8.h"
#include "kernels/simd/unroll.h"

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

/* Rows that become int8 together: each step of theirs hides the latency of the others'. */
#define QUANTISED_ROWS (VF_LANES == 16 ? 4 : 2)

/* Numbers first .. end - 1, a chunk, of the rows row .. row + rows - 1. */
static inline __attribute__((always_inline)) void
simd_quantise_chunk(const int8_quantisation *q, size_t row, const size_t rows, size_t first, size_t end,
                    const kernel_number from_number, const bool with_factors)
{
    const size_t size = from_number == KERNEL_F32 ? sizeof(float) : sizeof(number), count = end - first;
    const float *factors = with_factors ? q->factors + first : NULL;
    const unsigned char *from[QUANTISED_ROWS];
    unsigned char *values[QUANTISED_ROWS];
    vi32 greatest[QUANTISED_ROWS];
    vf32 by[QUANTISED_ROWS];
    SIMD_UNROLL
    for (size_t r = 0; r < rows; r++) {
        from[r] = (const unsigned char *)q->from + ((row + r) * q->from_stride + first) * size;
        values[r] = q->to.values + (row + r) * q->to.stride + first;
        greatest[r] = vi_magnitude(vf_set1(0.0f));
    }
    for (size_t i = 0; i < count; i += VF_LANES) {
        SIMD_UNROLL
        for (size_t r = 0; r < rows; r++)
            greatest[r] =
                vi_max(greatest[r], vi_magnitude(simd_given(from_number, from[r], factors, i, count)));
    }
    SIMD_UNROLL
    for (size_t r = 0; r < rows; r++) {
        float inverse;
        q->to.scales[(row + r) * q->to.scale_stride + first / INT8_CHUNK] =
            int8_scale(vi_greatest(greatest[r]), &inverse);
        by[r] = vf_set1(inverse);
    }
    for (size_t i = 0; i < count;
         i += VF_LANES) { /* what is stored behind the last number stays in its line */
        SIMD_UNROLL
        for (size_t r = 0; r < rows; r++)
            vf_store_int8(values[r] + i, vf_mul(simd_given(from_number, from[r], factors, i, count), by[r]));
    }
}

static inline __attribute__((always_inline)) void
simd_quantise_rows(const int8_quantisation *q, const kernel_number from_number, const bool with_factors)
{
    for (size_t first = 0; first < q->columns; first += INT8_CHUNK) {
        const size_t end = q->columns - first < INT8_CHUNK ? q->columns : first + INT8_CHUNK;
        size_t r = 0;
        for (; r + QUANTISED_ROWS <= q->rows; r += QUANTISED_ROWS)
            simd_quantise_chunk(q, r, QUANTISED_ROWS, first, end, from_number, with_factors);
        for (; r < q->rows; r++)
            simd_quantise_chunk(q, r, 1, first, end, from_number, with_factors);
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
