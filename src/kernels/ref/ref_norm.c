/* Residual addition and LayerNorm in plain C. */
#include "kernels/ref/ref.h"

#include <math.h>

void ref_norm_row(const kernel_norm *norm, float *row)
{
    double sum = 0.0, squares = 0.0;
    for (size_t i = 0; i < norm->columns; i++)
        sum += row[i];
    double mean = sum / (double)norm->columns;
    for (size_t i = 0; i < norm->columns; i++)
        squares += (row[i] - mean) * (row[i] - mean);
    double factor = 1.0 / sqrt(squares / (double)norm->columns + norm->epsilon);
    for (size_t i = 0; i < norm->columns; i++)
        row[i] = (float)((row[i] - mean) * factor * norm->gamma[i] + norm->beta[i]);
}

void ref_norm(const kernel_norm *norm)
{
    for (size_t r = 0; r < norm->rows; r++) {
        const float *input = norm->input + r * norm->input_stride;
        const float *residual = norm->residual + r * norm->residual_stride;
        float *output = norm->output + r * norm->output_stride;
        for (size_t i = 0; i < norm->columns; i++)
            output[i] = input[i] + residual[i];
        ref_norm_row(norm, output);
    }
}
