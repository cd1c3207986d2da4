/* Template: residual addition and LayerNorm or RMSNorm. Include after a tier's vec header. The output row, or the one for the sum, holds
 * input + residual between the steps; the variance is taken from the deviations, not from a difference of squares. A row whose sums
 * overflow f32 is computed by the reference, in f64, from the input + residual already stored. */
#ifndef KERNELS_SIMD_NORM_H
#define KERNELS_SIMD_NORM_H

#include <float.h>
#include <math.h>

#include "kernels/kernels.h"
#include "kernels/ref/ref.h"

static void simd_norm(const kernel_norm *norm)
{
    const size_t columns = norm->columns, whole = columns / VF_LANES * VF_LANES, rest = columns - whole;
    const vf32 zero = vf_set1(0.0f);
    for (size_t r = 0; r < norm->rows; r++) {
        const float *input = norm->input + r * norm->input_stride;
        const float *residual = norm->residual + r * norm->residual_stride;
        float *output = norm->output + r * norm->output_stride;
        float *kept = norm->sum != NULL ? norm->sum + r * norm->sum_stride : output;
        vf32 sum = zero, squares = zero;
        for (size_t i = 0; i < whole; i += VF_LANES) {
            vf32 x = vf_add(vf_load(input + i), vf_load(residual + i));
            vf_store(kept + i, x);
            sum = vf_add(sum, x);
        }
        if (rest > 0) {
            vf32 x = vf_add(vf_load_first(input + whole, rest), vf_load_first(residual + whole, rest));
            vf_store_first(kept + whole, rest, x);
            sum = vf_add(sum, x);
        }
        const vf32 mean = vf_set1(norm->rms ? 0.0f : vf_sum(sum) / (float)columns);
        for (size_t i = 0; i < whole; i += VF_LANES) {
            vf32 x = vf_sub(vf_load(kept + i), mean);
            squares = vf_fma(x, x, squares);
        }
        if (rest > 0) {
            vf32 x = vf_first(vf_sub(vf_load_first(kept + whole, rest), mean), rest, zero);
            squares = vf_fma(x, x, squares);
        }
        const float total = vf_sum(squares);
        if (!(total <= FLT_MAX)) { /* of the numbers, too: an infinite mean makes the squares infinite */
            ref_norm_row(norm, kept, output);
            continue;
        }
        const vf32 factor = vf_set1(1.0f / sqrtf(total / (float)columns + norm->epsilon));
        for (size_t i = 0; i < whole; i += VF_LANES) {
            vf32 x = vf_mul(vf_sub(vf_load(kept + i), mean), factor);
            vf_store(output + i, vf_fma(x, vf_load(norm->gamma + i), vf_load(norm->beta + i)));
        }
        if (rest > 0) {
            vf32 x = vf_mul(vf_sub(vf_load_first(kept + whole, rest), mean), factor);
            x = vf_fma(x, vf_load_first(norm->gamma + whole, rest), vf_load_first(norm->beta + whole, rest));
            vf_store_first(output + whole, rest, x);
        }
    }
}

#endif
