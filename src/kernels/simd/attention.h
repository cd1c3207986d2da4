/* Template: self-attention of one text. Include after a tier's vec header and its vf_transpose.
 *
 * Per head, keys are laid out as panels [head_size][PANEL] and values as panels [tokens][PANEL], so that both products
 * run on the tile. A block of TILE_ROWS queries is taken through scores, softmax and the mixing of values while its
 * scores are in cache; all scores of a row are held at once, so the softmax is the plain two-pass one. */
#ifndef KERNELS_SIMD_ATTENTION_H
#define KERNELS_SIMD_ATTENTION_H

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "kernels/kernels.h"
#include "kernels/simd/math.h"
#include "kernels/simd/tile.h"

static const _Alignas(KERNEL_ALIGNMENT) float simd_zeros[PANEL];

typedef struct simd_attention_scratch {
    float *keys;   /* [ceil(tokens / PANEL)][head_size][PANEL] */
    float *values; /* [ceil(head_size / PANEL)][tokens][PANEL] */
    float *scores; /* [TILE_ROWS], stride scores_stride */
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
        !size_mul(simd_round_up(tokens), head_size, &keys) ||
        !size_mul(simd_round_up(head_size), tokens, &values) ||
        !size_mul(simd_round_up(tokens) + VF_LANES, TILE_ROWS, &scores) || !size_add(keys, values, &bytes) ||
        !size_add(bytes, scores + 2 * PANEL, &bytes) || !size_mul(bytes, sizeof(float), &bytes) ||
        !size_add(bytes, KERNEL_ALIGNMENT - 1, &bytes))
        return 0;
    return bytes / KERNEL_ALIGNMENT * KERNEL_ALIGNMENT;
}

/* panel: [size][PANEL], columns of it from [columns][size] rows of keys, the other columns zero */
static void simd_lay_out_keys(const float *keys, size_t stride, size_t columns, size_t size, float *panel)
{
    const size_t turned = columns / VF_BLOCK * VF_BLOCK, turned_size = size / VF_BLOCK * VF_BLOCK;
    if (columns < PANEL)
        memset(panel, 0, size * PANEL * sizeof(float));
    for (size_t j = 0; j < turned; j += VF_BLOCK)
        for (size_t d = 0; d < turned_size; d += VF_BLOCK)
            vf_transpose(keys + j * stride + d, stride, panel + d * PANEL + j, PANEL);
    for (size_t j = 0; j < columns; j++)
        for (size_t d = j < turned ? turned_size : 0; d < size; d++)
            panel[d * PANEL + j] = keys[j * stride + d];
}

/* panel: [tokens][PANEL], from the first `columns` of each row of values, the other columns zero */
static void simd_lay_out_values(const float *values, size_t stride, size_t tokens, size_t columns,
                                float *panel)
{
    for (size_t t = 0; t < tokens; t++)
        for (size_t j = 0; j < PANEL; j += VF_LANES) {
            const float *from = values + t * stride + j;
            vf32 x = columns >= j + VF_LANES ? vf_load(from)
                     : columns > j           ? vf_load_first(from, columns - j)
                                             : vf_set1(0.0f);
            vf_store(panel + t * PANEL + j, x);
        }
}

static void simd_lay_out(const kernel_attention *a, size_t head, const simd_attention_scratch *scratch)
{
    const size_t tokens = a->tokens, size = a->head_size, hidden = a->heads * size;
    const float *keys = a->qkv + hidden + head * size, *values = keys + hidden;
    for (size_t first = 0; first < tokens; first += PANEL)
        simd_lay_out_keys(keys + first * a->qkv_stride, a->qkv_stride,
                          tokens - first < PANEL ? tokens - first : PANEL, size,
                          scratch->keys + first * size);
    for (size_t first = 0; first < size; first += PANEL)
        simd_lay_out_values(values + first, a->qkv_stride, tokens,
                            size - first < PANEL ? size - first : PANEL, scratch->values + first * tokens);
}

/* scores: [tokens], left as exp2(score - greatest). Returns 1 / their sum. */
static float simd_weigh(float *scores, size_t tokens)
{
    const size_t whole = tokens / VF_LANES * VF_LANES, rest = tokens - whole;
    const vf32 lowest = vf_set1(-INFINITY);
    vf32 greatest = lowest, sum = vf_set1(0.0f);
    for (size_t s = 0; s < whole; s += VF_LANES)
        greatest = vf_max(greatest, vf_load(scores + s));
    if (rest > 0)
        greatest = vf_max(greatest, vf_first(vf_load(scores + whole), rest, lowest));
    greatest = vf_set1(vf_greatest(greatest));
    for (size_t s = 0; s < whole; s += VF_LANES) {
        vf32 x = vf_exp2(vf_sub(vf_load(scores + s), greatest));
        vf_store(scores + s, x);
        sum = vf_add(sum, x);
    }
    if (rest > 0) {
        vf32 x = vf_exp2(vf_sub(vf_load(scores + whole), greatest));
        vf_store(scores + whole, x);
        sum = vf_add(sum, vf_first(x, rest, vf_set1(0.0f)));
    }
    return 1.0f / vf_sum(sum);
}

/* Rows first .. first + rows - 1 of one head. */
static void simd_attend_rows(const kernel_attention *a, size_t head, size_t first, size_t rows,
                             const simd_attention_scratch *scratch)
{
    const size_t size = a->head_size;
    _Alignas(KERNEL_ALIGNMENT) float mixed[TILE_ROWS * PANEL];
    float factors[TILE_ROWS];
    for (size_t s = 0; s < a->tokens; s += PANEL) {
        tile t = {
            .depth = size,
            .a = a->qkv + first * a->qkv_stride + head * size,
            .a_stride = a->qkv_stride,
            .panel = scratch->keys + s * size,
            .start = simd_zeros,
            .c = scratch->scores + s,
            .c_stride = scratch->scores_stride,
            .ahead = {scratch->keys + s * size, scratch->keys + s * size},
        };
        tile_run(&t, rows);
    }
    for (size_t r = 0; r < rows; r++)
        factors[r] = simd_weigh(scratch->scores + r * scratch->scores_stride, a->tokens);
    for (size_t d = 0; d < size; d += PANEL) {
        const size_t columns = size - d < PANEL ? size - d : PANEL;
        tile t = {
            .depth = a->tokens,
            .a = scratch->scores,
            .a_stride = scratch->scores_stride,
            .panel = scratch->values + d * a->tokens,
            .start = simd_zeros,
            .c = mixed,
            .c_stride = PANEL,
            .ahead = {scratch->values + d * a->tokens, scratch->values + d * a->tokens},
        };
        tile_run(&t, rows);
        for (size_t r = 0; r < rows; r++) {
            float *output = a->output + (first + r) * a->output_stride + head * size + d;
            const float *from = mixed + r * PANEL;
            const vf32 factor = vf_set1(factors[r]);
            for (size_t j = 0; j < columns; j += VF_LANES) {
                vf32 x = vf_mul(vf_load(from + j), factor);
                if (columns - j >= VF_LANES)
                    vf_store(output + j, x);
                else
                    vf_store_first(output + j, columns - j, x);
            }
        }
    }
}

static void simd_attention(const kernel_attention *a)
{
    const size_t blocks = tile_blocks(a->tokens);
    simd_attention_scratch scratch;
    scratch.keys = a->scratch;
    scratch.values = scratch.keys + simd_round_up(a->tokens) * a->head_size;
    scratch.scores = scratch.values + simd_round_up(a->head_size) * a->tokens;
    /* One vector more than the scores need: rows a power of two apart would share the sets of the L1 cache. */
    scratch.scores_stride = simd_round_up(a->tokens) + VF_LANES;
    for (size_t head = 0; head < a->heads; head++) {
        simd_lay_out(a, head, &scratch);
        for (size_t b = 0; b < blocks; b++) {
            const size_t first = tile_first_row(a->tokens, blocks, b);
            simd_attend_rows(a, head, first, tile_first_row(a->tokens, blocks, b + 1) - first, &scratch);
        }
    }
}

#endif
