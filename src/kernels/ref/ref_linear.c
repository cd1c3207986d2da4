/* Products in plain C. Packed: panels of PANEL outputs, each [1 + inputs][PANEL] f32 with the bias as row 0, missing
 * outputs zero. The inner loop runs over outputs, so that a compiler may use what vectors the baseline has without
 * changing the order of any sum. */
#include "kernels/ref/ref.h"

#include <math.h>

#include "base/memory.h"

#define PANEL 16

static size_t packed_bytes(size_t outputs, size_t inputs)
{
    size_t rows, bytes;
    size_t panels = outputs / PANEL + (outputs % PANEL != 0);
    if (!size_add(inputs, 1, &rows) || !size_mul(rows, PANEL * sizeof(float), &bytes) ||
        !size_mul(bytes, panels, &bytes))
        return 0;
    return bytes;
}

static void pack(void *packed, size_t outputs, size_t inputs, size_t first, size_t count,
                 const float *weights, const float *bias)
{
    (void)outputs;
    for (size_t i = 0; i < count; i++) {
        size_t output = first + i;
        float *column = (float *)packed + output / PANEL * PANEL * (inputs + 1) + output % PANEL;
        column[0] = bias[i];
        for (size_t k = 0; k < inputs; k++)
            column[(k + 1) * PANEL] = weights[i * inputs + k];
    }
}

static float activate(float value, kernel_activation activation)
{
    double x = value;
    switch (activation) {
    case KERNEL_GELU_ERF:
        return (float)(0.5 * x * erfc(-x * M_SQRT1_2));
    case KERNEL_GELU_TANH:
        return (float)(0.5 * x * (1.0 + tanh(M_2_SQRTPI * M_SQRT1_2 * (x + 0.044715 * x * x * x))));
    case KERNEL_RELU:
        return value < 0.0f ? 0.0f : value; /* NaN stays */
    case KERNEL_IDENTITY:
        break;
    }
    return value;
}

static void multiply(const kernel_product *product)
{
    const float *panel = product->weights;
    for (size_t first = 0; first < product->outputs; first += PANEL) {
        size_t columns = product->outputs - first < PANEL ? product->outputs - first : PANEL;
        for (size_t r = 0; r < product->rows; r++) {
            const float *input = product->input + r * product->input_stride;
            float *output = product->output + r * product->output_stride + first;
            float sums[PANEL];
            for (size_t j = 0; j < PANEL; j++)
                sums[j] = panel[j];
            for (size_t k = 0; k < product->inputs; k++)
                for (size_t j = 0; j < PANEL; j++)
                    sums[j] += input[k] * panel[(k + 1) * PANEL + j];
            for (size_t j = 0; j < columns; j++)
                output[j] = activate(sums[j], product->activation);
        }
        panel += (product->inputs + 1) * PANEL;
    }
}

const kernel_linear ref_linear_fp32 = {
    .row_block = 96,
    .packed_bytes = packed_bytes,
    .pack = pack,
    .multiply = multiply,
};
