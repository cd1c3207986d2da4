/* Template: norms and turns of queries and keys, and the gate of a feed-forward net. Include after a tier's vec header and the header of a
 * number. */
#ifndef KERNELS_SIMD_ROTARY_H
#define KERNELS_SIMD_ROTARY_H

#include <float.h>
#include <math.h>

#include "kernels/kernels.h"
#include "kernels/simd/activate.h"

static inline vf32 simd_load_numbers(const number *p, size_t left)
{
    return left >= VF_LANES ? vf_load_numbers(p) : vf_load_first_numbers(p, left);
}

static inline void simd_store_numbers(number *p, size_t left, vf32 x)
{
    if (left >= VF_LANES)
        vf_store_numbers(p, x);
    else
        vf_store_first_numbers(p, left, x);
}

static inline vf32 simd_load_floats(const float *p, size_t left)
{
    return left >= VF_LANES ? vf_load(p) : vf_load_first(p, left);
}

static void simd_norm_head(const kernel_rotary *rotary, number *head)
{
    const size_t size = rotary->head_size;
    vf32 squares = vf_set1(0.0f);
    for (size_t i = 0; i < size; i += VF_LANES) {
        const vf32 x = simd_load_numbers(head + i, size - i);
        squares = vf_fma(x, x, squares);
    }
    const float total = vf_sum(squares);
    const vf32 factor = vf_set1(total <= FLT_MAX ? 1.0f / sqrtf(total / (float)size + rotary->epsilon) : NAN);
    for (size_t i = 0; i < size; i += VF_LANES) {
        const vf32 x = vf_mul(simd_load_numbers(head + i, size - i), factor);
        simd_store_numbers(head + i, size - i, vf_mul(x, simd_load_floats(rotary->gamma + i, size - i)));
    }
}

static void simd_turn_head(number *head, size_t half, const float *table)
{
    for (size_t i = 0; i < half; i += VF_LANES) {
        const size_t left = half - i;
        const vf32 x = simd_load_numbers(head + i, left), y = simd_load_numbers(head + half + i, left);
        const vf32 cosine = simd_load_floats(table + i, left),
                   sine = simd_load_floats(table + half + i, left);
        simd_store_numbers(head + i, left, vf_sub(vf_mul(x, cosine), vf_mul(y, sine)));
        simd_store_numbers(head + half + i, left, vf_fma(y, cosine, vf_mul(x, sine)));
    }
}

static void simd_rotary(const kernel_rotary *rotary)
{
    const size_t size = rotary->head_size;
    for (size_t r = 0; r < rotary->rows; r++)
        for (size_t h = 0; h < rotary->heads; h++) {
            number *head = (number *)rotary->numbers + r * rotary->stride + h * size;
            if (rotary->gamma != NULL)
                simd_norm_head(rotary, head);
            if (rotary->table != NULL)
                simd_turn_head(head, size / 2, rotary->table + r * size);
        }
}

static inline __attribute__((always_inline)) void simd_gate_as(const kernel_gate *g,
                                                               const kernel_activation activation)
{
    for (size_t r = 0; r < g->rows; r++) {
        const float *gate = g->gate + r * g->stride, *up = g->up + r * g->stride;
        number *output = (number *)g->output + r * g->output_stride;
        for (size_t j = 0; j < g->columns; j += VF_LANES) {
            const size_t left = g->columns - j;
            const vf32 x = simd_activate(simd_load_floats(gate + j, left), activation);
            simd_store_numbers(output + j, left, vf_mul(x, simd_load_floats(up + j, left)));
        }
        if (g->columns % UNIT_NUMBERS != 0)
            output[g->columns] = number_round(0.0f);
    }
}

static void simd_gate(const kernel_gate *g)
{
    switch (g->activation) {
    case KERNEL_GELU_ERF:
        simd_gate_as(g, KERNEL_GELU_ERF);
        break;
    case KERNEL_GELU_TANH:
        simd_gate_as(g, KERNEL_GELU_TANH);
        break;
    case KERNEL_RELU:
        simd_gate_as(g, KERNEL_RELU);
        break;
    case KERNEL_SILU:
        simd_gate_as(g, KERNEL_SILU);
        break;
    case KERNEL_IDENTITY:
        simd_gate_as(g, KERNEL_IDENTITY);
        break;
    }
}

#endif
