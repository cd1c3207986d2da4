/* Template: matrix products of one precision. Include after a tier's vec header and the header of a number.
 *
 * Packed: panels of PANEL outputs, each [PANEL] f32 of bias and [units of inputs][PANEL] units, missing outputs and inputs
 * zero. A panel is read
 * once from memory per call and then from the L2 cache for each block of rows; while it is in use, the next one is asked
 * for. Matrices stand one after the other in the order of use, so past the end of one the next begins. */
#ifndef KERNELS_SIMD_LINEAR_H
#define KERNELS_SIMD_LINEAR_H

#include <stdint.h>

#include "base/memory.h"
#include "kernels/kernels.h"
#include "kernels/simd/activate.h"
#include "kernels/simd/tile.h"

static inline size_t simd_units(size_t numbers)
{
    return numbers / UNIT_NUMBERS + (numbers % UNIT_NUMBERS != 0);
}

static size_t simd_packed_bytes(size_t outputs, size_t inputs)
{
    size_t rows, bytes;
    size_t panels = outputs / PANEL + (outputs % PANEL != 0);
    if (!size_add(simd_units(inputs), 1, &rows) || !size_mul(rows, PANEL * sizeof(float), &bytes) ||
        !size_mul(bytes, panels, &bytes) || !size_add(bytes, KERNEL_ALIGNMENT - 1, &bytes))
        return 0;
    return bytes / KERNEL_ALIGNMENT * KERNEL_ALIGNMENT;
}

/* Input k of column j; panel: [units][PANEL]. */
static inline void simd_put(float *panel, size_t k, size_t j, float weight)
{
    number *unit = (number *)(panel + k / UNIT_NUMBERS * PANEL + j);
    unit[k % UNIT_NUMBERS] = number_round(weight);
}

static void simd_pack(void *packed, size_t outputs, size_t inputs, size_t first, size_t count,
                      const float *weights, const float *bias)
{
    (void)outputs;
    /* Per panel: k outside, outputs inside, so that the many writes are in order and the reads strided. */
    for (size_t done = 0; done < count;) {
        size_t output = first + done, column = output % PANEL;
        size_t columns = PANEL - column < count - done ? PANEL - column : count - done;
        float *to = (float *)packed + output / PANEL * PANEL * (simd_units(inputs) + 1) + column;
        const float *from = weights + done * inputs;
        for (size_t j = 0; j < columns; j++)
            to[j] = bias[done + j];
        for (size_t k = 0; k < inputs; k++)
            for (size_t j = 0; j < columns; j++)
                simd_put(to + PANEL, k, j, from[j * inputs + k]);
        done += columns;
    }
}

/* A tile that was just written and is still in the L1 cache, and where it goes. */
typedef struct simd_finish {
    const float *from; /* [rows][PANEL] */
    size_t from_stride;
    void *to; /* [rows][PANEL]: numbers when narrow, else f32, and then it may be `from` */
    size_t to_stride;
    size_t rows;
} simd_finish;

static inline __attribute__((always_inline)) void simd_finish_as(const simd_finish *f, const bool narrow,
                                                                 const kernel_activation activation)
{
    for (size_t r = 0; r < f->rows; r++)
        for (size_t j = 0; j < PANEL; j += VF_LANES) {
            vf32 x = simd_activate(vf_load(f->from + r * f->from_stride + j), activation);
            if (narrow)
                vf_store_numbers((number *)f->to + r * f->to_stride + j, x);
            else
                vf_store((float *)f->to + r * f->to_stride + j, x);
        }
}

static inline __attribute__((always_inline)) void simd_finish_tile(const simd_finish *f, const bool narrow,
                                                                   kernel_activation activation)
{
    switch (activation) {
    case KERNEL_GELU_ERF:
        simd_finish_as(f, narrow, KERNEL_GELU_ERF);
        break;
    case KERNEL_GELU_TANH:
        simd_finish_as(f, narrow, KERNEL_GELU_TANH);
        break;
    case KERNEL_RELU:
        simd_finish_as(f, narrow, KERNEL_RELU);
        break;
    case KERNEL_SILU:
        simd_finish_as(f, narrow, KERNEL_SILU);
        break;
    case KERNEL_IDENTITY:
        if (narrow)
            simd_finish_as(f, narrow, KERNEL_IDENTITY);
        break;
    }
}

static inline void simd_put_output(const kernel_product *product, size_t r, size_t j, float x)
{
    if (product->narrow_output)
        ((number *)product->output)[r * product->output_stride + j] = number_round(x);
    else
        ((float *)product->output)[r * product->output_stride + j] = x;
}

/* The last panel of an output that is not made of whole panels: columns first .. outputs - 1. */
static void simd_finish_edge(const kernel_product *product, size_t row, size_t rows, size_t first,
                             float *edge)
{
    const size_t outputs = product->outputs;
    const simd_finish finish = {edge, PANEL, edge, PANEL, rows};
    simd_finish_tile(&finish, false, product->activation);
    for (size_t r = 0; r < rows; r++) {
        for (size_t j = first; j < outputs; j++)
            simd_put_output(product, row + r, j, edge[r * PANEL + j - first]);
        if (product->narrow_output && outputs % UNIT_NUMBERS != 0)
            simd_put_output(product, row + r, outputs, 0.0f);
    }
}

static void simd_multiply(const kernel_product *product)
{
    const size_t depth = simd_units(product->inputs), panel_units = (depth + 1) * PANEL;
    const size_t blocks = tile_blocks(product->rows), input_stride = product->input_stride / UNIT_NUMBERS;
    const bool narrow = product->narrow_output && UNIT_NUMBERS > 1;
    const tile_unit *panel = product->weights, *input = product->input;
    _Alignas(
        KERNEL_ALIGNMENT) float edge[TILE_ROWS * PANEL]; /* a tile that cannot stand in the output itself */
    for (size_t first = 0; first < product->outputs; first += PANEL) {
        const bool whole = product->outputs - first >= PANEL, direct = whole && !narrow;
        /* What to ask for: one line per step of the depth from the next panel on by even blocks, the same amount from
         * there on by odd ones, both by a single block. To ask again costs nothing. */
        const tile_unit *next = panel + panel_units, *beyond = next + depth * TILE_AHEAD;
        for (size_t b = 0; b < blocks; b++) {
            const size_t row = tile_first_row(product->rows, blocks, b);
            const size_t rows = tile_first_row(product->rows, blocks, b + 1) - row;
            const size_t at = row * product->output_stride + first;
            const tile t = {
                .depth = depth,
                .a = input + row * input_stride,
                .a_stride = input_stride,
                .panel = panel + PANEL,
                .start = (const float *)panel,
                .c = direct ? (float *)product->output + at : edge,
                .c_stride = direct ? product->output_stride : PANEL,
                .ahead = {b % 2 == 0 ? next : beyond, b % 2 == 1 || blocks == 1 ? beyond : next},
            };
            tile_run(&t, rows);
            if (direct) {
                const simd_finish finish = {t.c, t.c_stride, t.c, t.c_stride, rows};
                simd_finish_tile(&finish, false, product->activation);
            } else if (whole) {
                const simd_finish finish = {edge, PANEL, (number *)product->output + at,
                                            product->output_stride, rows};
                simd_finish_tile(&finish, true, product->activation);
            } else {
                simd_finish_edge(product, row, rows, first, edge);
            }
        }
        panel = next;
    }
}

/* The tile's step in registers, for measuring the roof. As many chains as a tile has sums; the values stay finite and
 * different from zero. */
static double simd_burst(size_t rounds)
{
    volatile float unknown = 0.999f, sink;
    const vf32 a = unit_of(unknown), b = unit_of(1e-3f * unknown);
    vf32 sums[TILE_ROWS * 2];
    SIMD_UNROLL
    for (size_t j = 0; j < TILE_ROWS * 2; j++)
        sums[j] = vf_set1((float)(j + 2));
    for (size_t i = 0; i < rounds; i++) {
        SIMD_UNROLL
        for (size_t j = 0; j < TILE_ROWS * 2; j++)
            sums[j] = tile_step(a, b, sums[j]);
    }
    SIMD_UNROLL
    for (size_t j = 1; j < TILE_ROWS * 2; j++)
        sums[0] = vf_add(sums[0], sums[j]);
    sink = vf_sum(sums[0]);
    (void)sink;
    return 2.0 * UNIT_NUMBERS * VF_LANES * TILE_ROWS * 2 * (double)rounds;
}

#endif
