/* Products in plain C. Packed: panels of REF_PANEL outputs, each [1 + inputs][REF_PANEL] f32 with the bias as row 0, missing
 * outputs zero; weights of bf16 are rounded and stand as f32. The inner loop runs over outputs, so that a compiler may use what vectors the baseline has without
 * changing the order of any sum. */
#include "kernels/ref/ref.h"

#include <math.h>

#include "base/memory.h"
#include "kernels/ref/ref_number.h"

size_t ref_packed_bytes(size_t outputs, size_t inputs)
{
    size_t rows, bytes;
    size_t panels = outputs / REF_PANEL + (outputs % REF_PANEL != 0);
    if (!size_add(inputs, 1, &rows) || !size_mul(rows, REF_PANEL * sizeof(float), &bytes) ||
        !size_mul(bytes, panels, &bytes))
        return 0;
    return bytes;
}

static void pack(kernel_number number, void *packed, size_t inputs, size_t first, size_t count,
                 const float *weights, const float *bias)
{
    for (size_t i = 0; i < count; i++) {
        size_t output = first + i;
        float *column = (float *)packed + output / REF_PANEL * REF_PANEL * (inputs + 1) + output % REF_PANEL;
        column[0] = bias[i];
        for (size_t k = 0; k < inputs; k++)
            column[(k + 1) * REF_PANEL] = ref_round(number, weights[i * inputs + k]);
    }
}

void ref_pack_f32(void *packed, size_t outputs, size_t inputs, size_t first, size_t count,
                  const float *weights, const float *bias)
{
    (void)outputs;
    pack(KERNEL_F32, packed, inputs, first, count, weights, bias);
}

void ref_pack_bf16(void *packed, size_t outputs, size_t inputs, size_t first, size_t count,
                   const float *weights, const float *bias)
{
    (void)outputs;
    pack(KERNEL_BF16, packed, inputs, first, count, weights, bias);
}

void ref_narrow_bf16(size_t rows, size_t columns, const float *from, size_t from_stride, void *to,
                     size_t to_stride)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t i = 0; i < columns; i++)
            ref_put(KERNEL_BF16, to, r * to_stride + i, from[r * from_stride + i]);
        if (columns % 2 != 0)
            ref_put(KERNEL_BF16, to, r * to_stride + columns, 0.0f);
    }
}

float ref_activate(float value, kernel_activation activation)
{
    double x = value;
    switch (activation) {
    case KERNEL_GELU_ERF:
        return (float)(0.5 * x * erfc(-x * M_SQRT1_2));
    case KERNEL_GELU_TANH:
        return (float)(0.5 * x * (1.0 + tanh(M_2_SQRTPI * M_SQRT1_2 * (x + 0.044715 * x * x * x))));
    case KERNEL_RELU:
        return value < 0.0f && !isinf(value) ? 0.0f : value; /* NaN and infinities stay */
    case KERNEL_SILU:
        return (float)(isinf(x) ? x : x / (1.0 + exp(-x)));
    case KERNEL_IDENTITY:
        break;
    }
    return value;
}

static inline void multiply(const kernel_product *product, const kernel_number number)
{
    const kernel_number to = product->narrow_output ? number : KERNEL_F32;
    const size_t inputs = product->inputs;
    const float *panel = product->weights;
    for (size_t first = 0; first < product->outputs; first += REF_PANEL) {
        size_t columns = product->outputs - first < REF_PANEL ? product->outputs - first : REF_PANEL;
        for (size_t r = 0; r < product->rows; r++) {
            const size_t input = r * product->input_stride, output = r * product->output_stride + first;
            float sums[REF_PANEL];
            for (size_t j = 0; j < REF_PANEL; j++)
                sums[j] = panel[j];
            for (size_t k = 0; k < inputs; k++) {
                const float x = ref_get(number, product->input, input + k);
                for (size_t j = 0; j < REF_PANEL; j++)
                    sums[j] += x * panel[(k + 1) * REF_PANEL + j];
            }
            for (size_t j = 0; j < columns; j++)
                ref_put(to, product->output, output + j, ref_activate(sums[j], product->activation));
            if (to == KERNEL_BF16 && columns % 2 != 0)
                ref_put(to, product->output, output + columns, 0.0f);
        }
        panel += (inputs + 1) * REF_PANEL;
    }
}

void ref_multiply_f32(const kernel_product *product)
{
    multiply(product, KERNEL_F32);
}

void ref_multiply_bf16(const kernel_product *product)
{
    multiply(product, KERNEL_BF16);
}

static void gate(const kernel_gate *g, kernel_number number)
{
    for (size_t r = 0; r < g->rows; r++) {
        const size_t from = r * g->stride, to = r * g->output_stride;
        for (size_t j = 0; j < g->columns; j++)
            ref_put(number, g->output, to + j,
                    ref_activate(g->gate[from + j], g->activation) * g->up[from + j]);
        if (number == KERNEL_BF16 && g->columns % 2 != 0)
            ref_put(number, g->output, to + g->columns, 0.0f);
    }
}

void ref_gate_f32(const kernel_gate *g)
{
    gate(g, KERNEL_F32);
}

void ref_gate_bf16(const kernel_gate *g)
{
    gate(g, KERNEL_BF16);
}
