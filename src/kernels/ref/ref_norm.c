/* Residual addition and LayerNorm or RMSNorm in plain C. */
#include "kernels/ref/ref.h"

#include <math.h>

void ref_norm_row(const kernel_norm *norm, const float *sum, float *output)
{
    double total = 0.0, squares = 0.0;
    for (size_t i = 0; i < norm->columns; i++)
        total += sum[i];
    double mean = norm->rms ? 0.0 : total / (double)norm->columns;
    for (size_t i = 0; i < norm->columns; i++)
        squares += (sum[i] - mean) * (sum[i] - mean);
    double factor = 1.0 / sqrt(squares / (double)norm->columns + norm->epsilon);
    for (size_t i = 0; i < norm->columns; i++)
        output[i] = (float)((sum[i] - mean) * factor * norm->gamma[i] + norm->beta[i]);
}

void ref_norm(const kernel_norm *norm)
{
    for (size_t r = 0; r < norm->rows; r++) {
        const float *input = norm->input + r * norm->input_stride;
        const float *residual = norm->residual + r * norm->residual_stride;
        float *output = norm->output + r * norm->output_stride;
        float *sum = norm->sum != NULL ? norm->sum + r * norm->sum_stride : output;
        for (size_t i = 0; i < norm->columns; i++)
            sum[i] = input[i] + residual[i];
        ref_norm_row(norm, sum, output);
    }
}
