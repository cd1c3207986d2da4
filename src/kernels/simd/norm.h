/* Template: residual addition and LayerNorm or RMSNorm. Include after a tier's vec header. The output row, or the one for the sum, holds
 * input + residual between the steps; the variance is taken from the deviations, not from a difference of squares. A row whose sums
 * overflow f32 is computed by the reference, in f64, from the input + residual already stored. */
#ifndef KERNELS_SIMD_NORM_H
#define KERNELS_SIMD_NORM_H

#include <float.h>
#include <math.h>
#include <stdbool.h>

#include "kernels/kernels.h"
#include "kernels/ref/ref.h"
#include "kernels/simd/unroll.h"

#define NORM_ROWS 4

/* Rows first .. first + rows - 1, at most NORM_ROWS: each step of theirs hides the latency of the others'. */
static inline __attribute__((always_inline)) void simd_norm_rows(const kernel_norm *norm, size_t first,
                                                                 const size_t rows)
{
    const size_t columns = norm->columns, whole = columns / VF_LANES * VF_LANES, rest = columns - whole;
    const vf32 zero = vf_set1(0.0f);
    const float *input[NORM_ROWS], *residual[NORM_ROWS];
    float *output[NORM_ROWS], *kept[NORM_ROWS];
    vf32 sum[NORM_ROWS], squares[NORM_ROWS], mean[NORM_ROWS], factor[NORM_ROWS];
    bool is_finite[NORM_ROWS];
    SIMD_UNROLL
    for (size_t r = 0; r < rows; r++) {
        input[r] = norm->input + (first + r) * norm->input_stride;
        residual[r] = norm->residual + (first + r) * norm->residual_stride;
        output[r] = norm->output + (first + r) * norm->output_stride;
        kept[r] = norm->sum != NULL ? norm->sum + (first + r) * norm->sum_stride : output[r];
        sum[r] = squares[r] = zero;
    }
    for (size_t i = 0; i < whole; i += VF_LANES) {
        SIMD_UNROLL
        for (size_t r = 0; r < rows; r++) {
            const vf32 x = vf_add(vf_load(input[r] + i), vf_load(residual[r] + i));
            vf_store(kept[r] + i, x);
            sum[r] = vf_add(sum[r], x);
        }
    }
    SIMD_UNROLL
    for (size_t r = 0; r < rows; r++) {
        if (rest > 0) {
            const vf32 x =
                vf_add(vf_load_first(input[r] + whole, rest), vf_load_first(residual[r] + whole, rest));
            vf_store_first(kept[r] + whole, rest, x);
            sum[r] = vf_add(sum[r], x);
        }
        mean[r] = vf_set1(norm->rms ? 0.0f : vf_sum(sum[r]) / (float)columns);
    }
    for (size_t i = 0; i < whole; i += VF_LANES) {
        SIMD_UNROLL
        for (size_t r = 0; r < rows; r++) {
            const vf32 x = vf_sub(vf_load(kept[r] + i), mean[r]);
            squares[r] = vf_fma(x, x, squares[r]);
        }
    }
    SIMD_UNROLL
    for (size_t r = 0; r < rows; r++) {
        if (rest > 0) {
            const vf32 x = vf_first(vf_sub(vf_load_first(kept[r] + whole, rest), mean[r]), rest, zero);
            squares[r] = vf_fma(x, x, squares[r]);
        }
        const float total = vf_sum(squares[r]);
        is_finite[r] =
            total <= FLT_MAX; /* of the numbers, too: an infinite mean makes the squares infinite */
        factor[r] = vf_set1(1.0f / sqrtf(total / (float)columns + norm->epsilon));
    }
    SIMD_UNROLL
    for (size_t r = 0; r < rows; r++) {
        if (!is_finite[r]) {
            ref_norm_row(norm, kept[r], output[r]);
            continue;
        }
        for (size_t i = 0; i < whole; i += VF_LANES) {
            const vf32 x = vf_mul(vf_sub(vf_load(kept[r] + i), mean[r]), factor[r]);
            vf_store(output[r] + i, vf_fma(x, vf_load(norm->gamma + i), vf_load(norm->beta + i)));
        }
        if (rest > 0) {
            const vf32 x = vf_mul(vf_sub(vf_load_first(kept[r] + whole, rest), mean[r]), factor[r]);
            vf_store_first(
                output[r] + whole, rest,
                vf_fma(x, vf_load_first(norm->gamma + whole, rest), vf_load_first(norm->beta + whole, rest)));
        }
    }
}

static void simd_norm(const kernel_norm *norm)
{
    size_t r = 0;
    for (; r + NORM_ROWS <= norm->rows; r += NORM_ROWS)
        simd_norm_rows(norm, r, NORM_ROWS);
    for (; r < norm->rows; r++)
        simd_norm_rows(norm, r, 1);
}

#endif
