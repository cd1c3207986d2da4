/* Template: self-attention of one text. Include after a tier's vec header, its vf_transpose and the header of a number.
 *
 * Per head, keys are laid out as panels [units of head_size][PANEL] and values as panels [units of tokens][PANEL], so that
 * both products run on the tile. A tile of TILE_ROWS queries is taken through scores, softmax and the mixing of values
 * while its scores are in cache. Panels of keys that none of the tile's queries sees are left out; sums begin at a panel, so that a
 * row does not depend on its tile.
 *
 * Keys of a longer text than KERNEL_KEY_BLOCK go through in blocks of so many, each laid out when its turn comes, so that the
 * scratch stays as small. A run of queries, up to as many as a block has keys, goes through all its blocks before the next run; in between its rows
 * keep what softmax.h needs. Blocks begin at multiples of KERNEL_KEY_BLOCK, and a row takes only those that it sees: its
 * arithmetic depends on its position, its mask and the text before its last key, not on the run. */
#ifndef KERNELS_SIMD_ATTENTION_H
#define KERNELS_SIMD_ATTENTION_H

#include <string.h>

#include "base/memory.h"
#include "kernels/kernels.h"
#include "kernels/simd/linear.h"
#include "kernels/simd/softmax.h"
#include "kernels/simd/tile.h"

static const _Alignas(KERNEL_ALIGNMENT) float simd_zeros[PANEL];

typedef struct simd_attention_scratch {
    tile_unit *keys;   /* [ceil(keys of a block / PANEL)][units of head_size][PANEL] */
    tile_unit *values; /* [ceil(head_size / PANEL)][depth][PANEL] */
    size_t depth;      /* units of a block's keys */
    float *scores;     /* [TILE_ROWS], stride scores_stride */
    size_t scores_stride;
    /* Of texts of several blocks only: */
    float *sums;        /* [KERNEL_KEY_BLOCK][sums_stride]: of the run's rows, the values mixed so far */
    size_t sums_stride; /* head_size in whole panels */
    simd_softmax *rows; /* [KERNEL_KEY_BLOCK] */
} simd_attention_scratch;

static inline size_t simd_round_up(size_t n)
{
    return (n + PANEL - 1) / PANEL * PANEL;
}

static inline size_t simd_block_keys(size_t tokens)
{
    return tokens < KERNEL_KEY_BLOCK ? tokens : KERNEL_KEY_BLOCK;
}

static size_t simd_attention_scratch_bytes(size_t tokens, size_t head_size)
{
    size_t keys, values, bytes, between;
    const size_t of_block = simd_block_keys(tokens);
    const size_t scores = (simd_round_up(of_block) + VF_LANES) * TILE_ROWS;
    if (!size_add(head_size, 2 * PANEL, &bytes) ||
        !size_mul(simd_round_up(of_block), simd_units(head_size), &keys) ||
        !size_mul(simd_round_up(head_size), simd_units(of_block), &values) ||
        !size_mul(tokens > of_block ? KERNEL_KEY_BLOCK : 0, simd_round_up(head_size) + 2, &between) ||
        !size_add(keys, values, &bytes) || !size_add(bytes, between, &bytes) ||
        !size_add(bytes, scores + 2 * PANEL, &bytes) || !size_mul(bytes, sizeof(float), &bytes) ||
        !size_add(bytes, KERNEL_ALIGNMENT - 1, &bytes))
        return 0;
    return bytes / KERNEL_ALIGNMENT * KERNEL_ALIGNMENT;
}

static simd_attention_scratch simd_place(const kernel_attention *a)
{
    const size_t keys = simd_block_keys(a->tokens), units = simd_units(a->head_size);
    simd_attention_scratch scratch = {.keys = a->scratch, .depth = simd_units(keys)};
    scratch.values = scratch.keys + simd_round_up(keys) * units;
    scratch.scores = (float *)scratch.values + simd_round_up(a->head_size) * scratch.depth;
    /* One vector more than the scores need: rows a power of two apart would share the sets of the L1 cache. */
    scratch.scores_stride = simd_round_up(keys) + VF_LANES;
    scratch.sums = scratch.scores + TILE_ROWS * scratch.scores_stride;
    scratch.sums_stride = simd_round_up(a->head_size);
    scratch.rows = (simd_softmax *)(scratch.sums + KERNEL_KEY_BLOCK * scratch.sums_stride);
    return scratch;
}

/* Asks for `numbers` of a row that is laid out soon. Rows of a head are kilobytes apart, in other pages, where the CPU's own
 * prefetchers do not go. The address may lie behind the text: asking reads nothing. */
static inline void simd_ask_for(const number *row, size_t numbers)
{
    for (size_t i = 0; i < numbers; i += KERNEL_ALIGNMENT / sizeof(number))
        __builtin_prefetch(row + i);
}

static inline const number *simd_keys_of(const kernel_attention *a, size_t head, size_t token)
{
    return (const number *)kernel_keys_of(a, token, sizeof(number)) + head * a->head_size;
}

/* panel: [units][PANEL], columns of it from the keys of tokens first .. first + columns - 1, the other columns zero */
static void simd_lay_out_keys(const kernel_attention *a, size_t head, size_t first, size_t columns,
                              size_t units, tile_unit *panel)
{
    const size_t turned_units = units / VF_BLOCK * VF_BLOCK;
    if (columns < PANEL)
        memset(panel, 0, units * PANEL * sizeof *panel);
    for (size_t j = 0; j < columns; j += VF_BLOCK) {
        const size_t token = first + j, end = columns - j < VF_BLOCK ? columns : j + VF_BLOCK;
        const size_t stride = (token < a->prefix_tokens ? a->prefix_stride : a->qkv_stride) / UNIT_NUMBERS;
        /* Rows of the prefix and rows behind it are not evenly apart. */
        const bool even = token >= a->prefix_tokens || token + VF_BLOCK <= a->prefix_tokens;
        const size_t turned = even && end - j == VF_BLOCK ? turned_units : 0;
        const tile_unit *keys = (const tile_unit *)simd_keys_of(a, head, token);
        for (size_t i = PANEL; turned > 0 && i < PANEL + VF_BLOCK; i++)
            simd_ask_for(simd_keys_of(a, head, token + i), units * UNIT_NUMBERS);
        for (size_t d = 0; d < turned; d += VF_BLOCK)
            vf_transpose(keys + d, stride, panel + d * PANEL + j, PANEL);
        for (size_t i = j; i < end && turned < units; i++) {
            keys = (const tile_unit *)simd_keys_of(a, head, first + i);
            for (size_t d = turned; d < units; d++)
                panel[d * PANEL + i] = keys[d];
        }
    }
}

/* panel: [units of tokens][PANEL], from `columns` of the values of tokens first .. end - 1, which begin at `column` of the head;
 * other columns and tokens zero */
static void simd_lay_out_values(const kernel_attention *a, size_t head, size_t first, size_t end,
                                size_t column, size_t columns, tile_unit *panel)
{
    const size_t behind_keys = kernel_key_value_heads(a) * a->head_size + column;
    for (size_t t = first; t < end; t += UNIT_NUMBERS) {
        const number *values[UNIT_NUMBERS] = {NULL};
        for (size_t i = 0; i < UNIT_NUMBERS && t + i < end; i++)
            values[i] = simd_keys_of(a, head, t + i) + behind_keys;
        for (size_t j = 0; j < PANEL; j += VF_LANES) {
            vf32 x = vf_set1(0.0f);
            if (columns > j) {
                const number *rows[UNIT_NUMBERS] = {NULL};
                for (size_t i = 0; i < UNIT_NUMBERS && values[i] != NULL; i++)
                    rows[i] = values[i] + j;
                x = vf_load_units(rows, columns - j);
            }
            vf_store((float *)panel + (t - first) / UNIT_NUMBERS * PANEL + j, x);
        }
    }
}

/* Keys of one block. */
typedef struct simd_block {
    size_t origin;     /* where the block begins: panels are counted from there */
    size_t first, end; /* what the run's queries see of it; first: a multiple of PANEL */
    bool only;         /* there is no other for this run */
} simd_block;

/* head: of keys and values */
static void simd_lay_out(const kernel_attention *a, size_t head, const simd_block *block,
                         const simd_attention_scratch *scratch)
{
    const size_t size = a->head_size, units = simd_units(size);
    const size_t into = (block->first - block->origin) / UNIT_NUMBERS * PANEL;
    for (size_t first = block->first; first < block->end; first += PANEL) {
        const size_t columns = block->end - first < PANEL ? block->end - first : PANEL;
        for (size_t j = 0; j < columns; j++)
            simd_ask_for(simd_keys_of(a, head, first + j) + kernel_key_value_heads(a) * size, size);
        simd_lay_out_keys(a, head, first, columns, units, scratch->keys + (first - block->origin) * units);
    }
    for (size_t first = 0; first < size; first += PANEL)
        simd_lay_out_values(a, head, block->first, block->end, first,
                            size - first < PANEL ? size - first : PANEL,
                            scratch->values + first * scratch->depth + into);
}

/* Queries of a head that go through the same blocks. */
typedef struct simd_run {
    size_t head, first, end;
} simd_run;

static inline number *simd_output(const kernel_attention *a, size_t head, size_t row)
{
    return (number *)a->output + (row - a->prefix_tokens) * a->output_stride + head * a->head_size;
}

/* Scores of the run's rows first .. first + rows - 1 with the keys start .. end - 1. */
static void simd_score_rows(const kernel_attention *a, const simd_run *run, size_t first, size_t rows,
                            const simd_block *block, const kernel_keys *keys,
                            const simd_attention_scratch *scratch)
{
    const size_t units = simd_units(a->head_size);
    const number *queries =
        (const number *)a->qkv + (first - a->prefix_tokens) * a->qkv_stride + run->head * a->head_size;
    for (size_t s = keys->first; s < keys->end; s += PANEL) {
        const tile_unit *panel = scratch->keys + (s - block->origin) * units;
        tile t = {
            .depth = units,
            .a = (const tile_unit *)queries,
            .a_stride = a->qkv_stride / UNIT_NUMBERS,
            .panel = panel,
            .start = simd_zeros,
            .c = scratch->scores + s - keys->first,
            .c_stride = scratch->scores_stride,
            .ahead = {panel, panel},
        };
        tile_run(&t, rows);
    }
    for (size_t r = 0; r < rows && a->bias != NULL; r++)
        simd_add_bias(a, run->head, first + r, keys->first, keys->end,
                      scratch->scores + r * scratch->scores_stride);
}

/* Rows first .. first + rows - 1 of the run. */
static void simd_attend_rows(const kernel_attention *a, const simd_run *run, size_t first, size_t rows,
                             const simd_block *block, const simd_attention_scratch *scratch)
{
    const size_t size = a->head_size;
    const size_t seen = kernel_visible_keys(a, first).first / PANEL * PANEL;
    const size_t seen_end = kernel_visible_keys(a, first + rows - 1).end;
    const kernel_keys keys = {.first = seen > block->first ? seen : block->first,
                              .end = seen_end < block->end ? seen_end : block->end};
    _Alignas(KERNEL_ALIGNMENT) float mixed[TILE_ROWS * PANEL];
    simd_join joins[TILE_ROWS];
    if (keys.first >= keys.end)
        return;
    simd_score_rows(a, run, first, rows, block, &keys, scratch);
    simd_weigh_rows(a, first, rows, keys, block->only, scratch->scores, scratch->scores_stride,
                    scratch->rows + (first - run->first), joins);
    for (size_t d = 0; d < size; d += PANEL) {
        const tile_unit *panel =
            scratch->values + d * scratch->depth + (keys.first - block->origin) / UNIT_NUMBERS * PANEL;
        tile t = {
            .depth = simd_units(keys.end - keys.first),
            .a = scratch->scores,
            .a_stride = scratch->scores_stride,
            .panel = panel,
            .start = simd_zeros,
            .c = mixed,
            .c_stride = PANEL,
            .ahead = {panel, panel},
        };
        tile_run(&t, rows);
        for (size_t r = 0; r < rows; r++)
            simd_join_mixed(&joins[r], mixed + r * PANEL, PANEL,
                            scratch->sums + (first + r - run->first) * scratch->sums_stride + d,
                            simd_output(a, run->head, first + r) + d, size - d < PANEL ? size - d : PANEL);
    }
}

/* Of the text's queries, which are cut into `tiles`. */
static inline size_t simd_first_query(const kernel_attention *a, size_t tiles, size_t index)
{
    return a->prefix_tokens + tile_first_row(a->tokens - a->prefix_tokens, tiles, index);
}

/* Tiles of queries first .. end - 1 of all. */
static void simd_attend_run(const kernel_attention *a, size_t head, size_t first, size_t end, bool laid_out,
                            const simd_attention_scratch *scratch)
{
    const size_t tiles = tile_blocks(a->tokens - a->prefix_tokens);
    const size_t group = a->heads / kernel_key_value_heads(a);
    const simd_run run = {
        .head = head, .first = simd_first_query(a, tiles, first), .end = simd_first_query(a, tiles, end)};
    const size_t seen = kernel_visible_keys(a, run.first).first / PANEL * PANEL;
    const size_t seen_end = kernel_visible_keys(a, run.end - 1).end;
    simd_block block = {.origin = seen / KERNEL_KEY_BLOCK * KERNEL_KEY_BLOCK};
    block.only = seen_end - block.origin <= KERNEL_KEY_BLOCK;
    for (; block.origin < seen_end; block.origin += KERNEL_KEY_BLOCK) {
        const size_t beyond = block.origin + KERNEL_KEY_BLOCK;
        block.first = seen > block.origin ? seen : block.origin;
        block.end = seen_end < beyond ? seen_end : beyond;
        if (!laid_out)
            simd_lay_out(a, head / group, &block, scratch);
        for (size_t t = first; t < end; t++) {
            const size_t row = simd_first_query(a, tiles, t);
            simd_attend_rows(a, &run, row, simd_first_query(a, tiles, t + 1) - row, &block, scratch);
        }
    }
    for (size_t row = run.first; row < run.end && !block.only; row++)
        simd_put_mixed(simd_output(a, head, row), scratch->sums + (row - run.first) * scratch->sums_stride,
                       a->head_size, simd_softmax_factor(scratch->rows[row - run.first]));
}

static void simd_attention(const kernel_attention *a)
{
    const simd_attention_scratch scratch = simd_place(a);
    const size_t tiles = tile_blocks(a->tokens - a->prefix_tokens);
    const size_t group = a->heads / kernel_key_value_heads(a);
    const bool short_text = a->tokens <= KERNEL_KEY_BLOCK;
    const size_t step = short_text ? tiles : KERNEL_KEY_BLOCK / TILE_ROWS;
    for (size_t head = a->first_head; head < a->first_head + a->head_count; head++) {
        /* A block that is the only one of its text stays laid out for all heads that share it. */
        const bool laid_out = short_text && head > a->first_head && head % group != 0;
        for (size_t t = 0; t < tiles; t += step)
            simd_attend_run(a, head, t, tiles - t < step ? tiles : t + step, laid_out, &scratch);
    }
}

#endif
