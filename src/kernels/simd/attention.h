/* Template: self-attention of one text. Include after a tier's vec header, its vf_transpose and the header of a number.
 *
 * Per head, keys are laid out as panels [units of head_size][PANEL] and values as panels [units of tokens][PANEL], so that
 * both products run on the tile. A block of TILE_ROWS queries is taken through scores, softmax and the mixing of values
 * while its scores are in cache; all scores of a row are held at once, so the softmax is the plain two-pass one. Panels of keys that
 * none of the block's queries sees are left out; sums begin at a panel, so that a row does not depend on its block. */
#ifndef KERNELS_SIMD_ATTENTION_H
#define KERNELS_SIMD_ATTENTION_H

#include <string.h>

#include "base/memory.h"
#include "kernels/kernels.h"
#include "kernels/simd/linear.h"
#include "kernels/simd/bias.h"
#include "kernels/simd/softmax.h"
#include "kernels/simd/tile.h"

static const _Alignas(KERNEL_ALIGNMENT) float simd_zeros[PANEL];

typedef struct simd_attention_scratch {
    tile_unit *keys;   /* [ceil(tokens / PANEL)][units of head_size][PANEL] */
    tile_unit *values; /* [ceil(head_size / PANEL)][units of tokens][PANEL] */
    float *scores;     /* [TILE_ROWS], stride scores_stride */
    size_t scores_stride;
} simd_attention_scratch;

static inline size_t simd_round_up(size_t n)
{
    return (n + PANEL - 1) / PANEL * PANEL;
}

static size_t simd_attention_scratch_bytes(size_t tokens, size_t head_size)
{
    size_t keys, values, scores, bytes;
    if (!size_add(tokens, 2 * PANEL, &bytes) || !size_add(head_size, 2 * PANEL, &bytes) ||
        !size_mul(simd_round_up(tokens), simd_units(head_size), &keys) ||
        !size_mul(simd_round_up(head_size), simd_units(tokens), &values) ||
        !size_mul(simd_round_up(tokens) + VF_LANES, TILE_ROWS, &scores) || !size_add(keys, values, &bytes) ||
        !size_add(bytes, scores + 2 * PANEL, &bytes) || !size_mul(bytes, sizeof(float), &bytes) ||
        !size_add(bytes, KERNEL_ALIGNMENT - 1, &bytes))
        return 0;
    return bytes / KERNEL_ALIGNMENT * KERNEL_ALIGNMENT;
}

/* panel: [units][PANEL], columns of it from [columns][units] rows of keys, the other columns zero; stride in units */
static void simd_lay_out_keys(const tile_unit *keys, size_t stride, size_t columns, size_t units,
                              tile_unit *panel)
{
    const size_t turned = columns / VF_BLOCK * VF_BLOCK, turned_units = units / VF_BLOCK * VF_BLOCK;
    if (columns < PANEL)
        memset(panel, 0, units * PANEL * sizeof *panel);
    for (size_t j = 0; j < turned; j += VF_BLOCK)
        for (size_t d = 0; d < turned_units; d += VF_BLOCK)
            vf_transpose(keys + j * stride + d, stride, panel + d * PANEL + j, PANEL);
    for (size_t j = 0; j < columns; j++)
        for (size_t d = j < turned ? turned_units : 0; d < units; d++)
            panel[d * PANEL + j] = keys[j * stride + d];
}

/* panel: [units of tokens][PANEL], from the first `columns` of each row of values; other columns and tokens zero */
static void simd_lay_out_values(const number *values, size_t stride, size_t tokens, size_t columns,
                                tile_unit *panel)
{
    for (size_t t = 0; t < tokens; t += UNIT_NUMBERS)
        for (size_t j = 0; j < PANEL; j += VF_LANES) {
            vf32 x = vf_set1(0.0f);
            if (columns > j) {
                const number *rows[UNIT_NUMBERS] = {NULL};
                for (size_t i = 0; i < UNIT_NUMBERS && t + i < tokens; i++)
                    rows[i] = values + (t + i) * stride + j;
                x = vf_load_units(rows, columns - j);
            }
            vf_store((float *)panel + t / UNIT_NUMBERS * PANEL + j, x);
        }
}

/* head: of keys and values */
static void simd_lay_out(const kernel_attention *a, size_t head, const simd_attention_scratch *scratch)
{
    const size_t tokens = a->tokens, size = a->head_size;
    const size_t units = simd_units(size), stride = a->qkv_stride / UNIT_NUMBERS;
    const number *keys = (const number *)a->qkv + (a->heads + head) * size;
    const number *values = keys + kernel_key_value_heads(a) * size;
    for (size_t first = 0; first < tokens; first += PANEL)
        simd_lay_out_keys((const tile_unit *)keys + first * stride, stride,
                          tokens - first < PANEL ? tokens - first : PANEL, units,
                          scratch->keys + first * units);
    for (size_t first = 0; first < size; first += PANEL)
        simd_lay_out_values(values + first, a->qkv_stride, tokens,
                            size - first < PANEL ? size - first : PANEL,
                            scratch->values + first * simd_units(tokens));
}

/* Rows first .. first + rows - 1 of one head. */
static void simd_attend_rows(const kernel_attention *a, size_t head, size_t first, size_t rows,
                             const simd_attention_scratch *scratch)
{
    const size_t size = a->head_size, units = simd_units(size), depth = simd_units(a->tokens);
    const bool masked = a->causal || a->window > 0;
    const size_t start = kernel_visible_keys(a, first).first / PANEL * PANEL;
    const size_t end = kernel_visible_keys(a, first + rows - 1).end, span = end - start;
    const number *queries = (const number *)a->qkv + first * a->qkv_stride + head * size;
    _Alignas(KERNEL_ALIGNMENT) float mixed[TILE_ROWS * PANEL];
    float factors[TILE_ROWS];
    for (size_t s = start; s < end; s += PANEL) {
        tile t = {
            .depth = units,
            .a = (const tile_unit *)queries,
            .a_stride = a->qkv_stride / UNIT_NUMBERS,
            .panel = scratch->keys + s * units,
            .start = simd_zeros,
            .c = scratch->scores + s - start,
            .c_stride = scratch->scores_stride,
            .ahead = {scratch->keys + s * units, scratch->keys + s * units},
        };
        tile_run(&t, rows);
    }
    for (size_t r = 0; r < rows && a->bias != NULL; r++)
        simd_add_bias(a, head, first + r, start, end, scratch->scores + r * scratch->scores_stride);
    for (size_t r = 0; r < rows; r++) {
        float *scores = scratch->scores + r * scratch->scores_stride;
        const kernel_keys seen = kernel_visible_keys(a, first + r);
        factors[r] = masked ? simd_weigh_between(scores, seen.first - start, seen.end - start, span)
                            : simd_weigh(scores, span);
    }
    for (size_t d = 0; d < size; d += PANEL) {
        const size_t columns = size - d < PANEL ? size - d : PANEL;
        const tile_unit *panel = scratch->values + d * depth + start / UNIT_NUMBERS * PANEL;
        tile t = {
            .depth = simd_units(span),
            .a = scratch->scores,
            .a_stride = scratch->scores_stride,
            .panel = panel,
            .start = simd_zeros,
            .c = mixed,
            .c_stride = PANEL,
            .ahead = {panel, panel},
        };
        tile_run(&t, rows);
        for (size_t r = 0; r < rows; r++) {
            number *output = (number *)a->output + (first + r) * a->output_stride + head * size + d;
            const float *from = mixed + r * PANEL;
            const vf32 factor = vf_set1(factors[r]);
            for (size_t j = 0; j < columns; j += VF_LANES) {
                vf32 x = vf_mul(vf_load(from + j), factor);
                if (columns - j >= VF_LANES)
                    vf_store_numbers(output + j, x);
                else
                    vf_store_first_numbers(output + j, columns - j, x);
            }
        }
    }
}

static void simd_attention(const kernel_attention *a)
{
    const size_t blocks = tile_blocks(a->tokens);
    simd_attention_scratch scratch;
    scratch.keys = a->scratch;
    scratch.values = scratch.keys + simd_round_up(a->tokens) * simd_units(a->head_size);
    scratch.scores = (float *)scratch.values + simd_round_up(a->head_size) * simd_units(a->tokens);
    /* One vector more than the scores need: rows a power of two apart would share the sets of the L1 cache. */
    scratch.scores_stride = simd_round_up(a->tokens) + VF_LANES;
    const size_t group = a->heads / kernel_key_value_heads(a);
    for (size_t head = a->first_head; head < a->first_head + a->head_count; head++) {
        if (head == a->first_head || head % group == 0)
            simd_lay_out(a, head / group, &scratch);
        for (size_t b = 0; b < blocks; b++) {
            const size_t first = tile_first_row(a->tokens, blocks, b);
            simd_attend_rows(a, head, first, tile_first_row(a->tokens, blocks, b + 1) - first, &scratch);
        }
    }
}

#endif
