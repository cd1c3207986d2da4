/* Template: matrix products of f32. Include after a tier's vec header; defines `simd_linear_fp32`'s functions.
 *
 * Packed: panels of PANEL outputs, each [1 + inputs][PANEL] f32, the bias as row 0, missing outputs zero. A panel is read
 * once from memory per call and then from the L2 cache for each block of rows; while it is in use, the next one is asked
 * for. Matrices stand one after the other in the order of use, so past the end of one the next begins. */
#ifndef KERNELS_SIMD_LINEAR_H
#define KERNELS_SIMD_LINEAR_H

#include <stdint.h>

#include "base/memory.h"
#include "kernels/kernels.h"
#include "kernels/simd/math.h"
#include "kernels/simd/tile.h"

static size_t simd_packed_bytes(size_t outputs, size_t inputs)
{
    size_t rows, bytes;
    size_t panels = outputs / PANEL + (outputs % PANEL != 0);
    if (!size_add(inputs, 1, &rows) || !size_mul(rows, PANEL * sizeof(float), &bytes) ||
        !size_mul(bytes, panels, &bytes))
        return 0;
    return bytes;
}

static void simd_pack(void *packed, size_t outputs, size_t inputs, size_t first, size_t count,
                      const float *weights, const float *bias)
{
    (void)outputs;
    /* Per panel: k outside, outputs inside, so that the many writes are in order and the reads strided. */
    for (size_t done = 0; done < count;) {
        size_t output = first + done, column = output % PANEL;
        size_t columns = PANEL - column < count - done ? PANEL - column : count - done;
        float *to = (float *)packed + output / PANEL * PANEL * (inputs + 1) + column;
        const float *from = weights + done * inputs;
        for (size_t j = 0; j < columns; j++)
            to[j] = bias[done + j];
        for (size_t k = 0; k < inputs; k++)
            for (size_t j = 0; j < columns; j++)
                to[(k + 1) * PANEL + j] = from[j * inputs + k];
        done += columns;
    }
}

/* c: [rows][PANEL], just written and still in the L1 cache. */
static void simd_activate(float *c, size_t stride, size_t rows, kernel_activation activation)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < PANEL; j += VF_LANES) {
            float *p = c + r * stride + j;
            switch (activation) {
            case KERNEL_GELU_ERF:
                vf_store(p, vf_gelu_erf(vf_load(p)));
                break;
            case KERNEL_GELU_TANH:
                vf_store(p, vf_gelu_tanh(vf_load(p)));
                break;
            case KERNEL_RELU:
                vf_store(p, vf_relu(vf_load(p)));
                break;
            case KERNEL_IDENTITY:
                return;
            }
        }
}

static void simd_multiply(const kernel_product *product)
{
    const size_t panel_floats = (product->inputs + 1) * PANEL, blocks = tile_blocks(product->rows);
    const float *panel = product->weights;
    _Alignas(KERNEL_ALIGNMENT) float edge[TILE_ROWS * PANEL]; /* a tile that is wider than the output */
    for (size_t first = 0; first < product->outputs; first += PANEL) {
        const size_t columns = product->outputs - first;
        /* What to ask for: one line per step of the depth from the next panel on by even blocks, the same amount from
         * there on by odd ones, both by a single block. To ask again costs nothing. */
        const float *next = panel + panel_floats, *beyond = next + product->inputs * TILE_LINE;
        for (size_t b = 0; b < blocks; b++) {
            const size_t row = tile_first_row(product->rows, blocks, b);
            const size_t rows = tile_first_row(product->rows, blocks, b + 1) - row;
            float *output = product->output + row * product->output_stride + first;
            const bool whole = columns >= PANEL;
            tile t = {
                .depth = product->inputs,
                .a = product->input + row * product->input_stride,
                .a_stride = product->input_stride,
                .panel = panel + PANEL,
                .start = panel,
                .c = whole ? output : edge,
                .c_stride = whole ? product->output_stride : PANEL,
                .ahead = {b % 2 == 0 ? next : beyond, b % 2 == 1 || blocks == 1 ? beyond : next},
            };
            tile_run(&t, rows);
            simd_activate(t.c, t.c_stride, rows, product->activation);
            if (!whole)
                for (size_t r = 0; r < rows; r++)
                    for (size_t j = 0; j < columns; j++)
                        output[r * product->output_stride + j] = edge[r * PANEL + j];
        }
        panel = next;
    }
}

#endif
