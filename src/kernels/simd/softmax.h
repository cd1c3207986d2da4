/* Template: the softmax of rows of scores, a block of keys at a time. Include after a tier's vec header and the header of a
 * number.
 *
 * Weights are relative to the greatest score so far, and where a block brings a greater one, the sums from before it are scaled
 * down (the online softmax, Milakov and Gimelshein 2018). A row that sees one block has the plain softmax, bit by bit. */
#ifndef KERNELS_SIMD_SOFTMAX_H
#define KERNELS_SIMD_SOFTMAX_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "kernels/kernels.h"
#include "kernels/simd/unroll.h"

/* Takes the greatest score of a block into *greatest, that of the blocks before; NaN wins. Returns what the weights are relative
 * to. Scores that all overflowed downwards are -INFINITY, and must not become the NaN of -INFINITY - -INFINITY while another block
 * may have finite ones. */
static inline vf32 simd_greatest(vf32 of_block, float *greatest)
{
    const float most = vf_greatest(of_block);
    if (!(most <= *greatest))
        *greatest = most;
    return vf_set1(*greatest == -INFINITY ? 0.0f : *greatest);
}

/* A vector that may begin before `first` or go on behind `end`: what lies outside is taken from `others`. */
static inline vf32 simd_between(vf32 x, size_t s, size_t first, size_t end, vf32 others)
{
    if (end - s < VF_LANES)
        x = vf_first(x, end - s, others);
    return s < first ? vf_first(others, first - s, x) : x;
}

/* Rows that are weighed together where they see the same keys: each step of theirs hides the latency of the others'. */
#define SIMD_WEIGHED_ROWS (VF_LANES == 16 ? 4 : 2)

/* The number exp2(score - most) of each lane, in place: never ahead of what is still to be read. */
static inline __attribute__((always_inline)) vf32 simd_weigh_vector(float *scores, size_t s, size_t first,
                                                                    size_t end, const bool whole, vf32 most)
{
    vf32 x = number_exp2(vf_sub(vf_load(scores + s), most));
    if (!whole)
        x = simd_between(x, s, first, end, vf_set1(0.0f));
    vf_store_numbers((number *)scores + s, x);
    return x;
}

/* scores: [span] of a block for each of the rows, of which they see first .. end - 1; these are left as numbers
 * exp2(score - greatest), the others, and what fills up the last vector, as zeros. greatest: of the scores of each row before this
 * block, -INFINITY where there are none; then with those of the block. sums: of the exp2. */
static inline __attribute__((always_inline)) void simd_weigh(float *const *scores, const size_t rows,
                                                             size_t first, size_t end, size_t span,
                                                             float *greatest, float *sums)
{
    const vf32 lowest = vf_set1(-INFINITY), zero = vf_set1(0.0f);
    const size_t begin = first / VF_LANES * VF_LANES, inside = begin < first ? begin + VF_LANES : begin;
    vf32 most[SIMD_WEIGHED_ROWS], most_too[SIMD_WEIGHED_ROWS], sum[SIMD_WEIGHED_ROWS];
    SIMD_UNROLL
    for (size_t r = 0; r < rows; r++) {
        most[r] =
            begin < first ? simd_between(vf_load(scores[r] + begin), begin, first, end, lowest) : lowest;
        most_too[r] = lowest;
        sum[r] = zero;
    }
    size_t s = inside;
    for (; s + 2 * VF_LANES <= end; s += 2 * VF_LANES) {
        SIMD_UNROLL
        for (size_t r = 0; r < rows; r++) {
            most[r] = vf_max(most[r], vf_load(scores[r] + s));
            most_too[r] = vf_max(most_too[r], vf_load(scores[r] + s + VF_LANES));
        }
    }
    for (; s < end; s += VF_LANES) {
        SIMD_UNROLL
        for (size_t r = 0; r < rows; r++)
            most[r] = vf_max(most[r], simd_between(vf_load(scores[r] + s), s, first, end, lowest));
    }
    SIMD_UNROLL
    for (size_t r = 0; r < rows; r++) {
        most[r] = simd_greatest(vf_max(most_too[r], most[r]), &greatest[r]);
        for (s = 0; s < begin; s += VF_LANES)
            vf_store_numbers((number *)scores[r] + s, zero);
        if (begin < first)
            sum[r] = simd_weigh_vector(scores[r], begin, first, end, false, most[r]);
    }
    for (s = inside; s + VF_LANES <= end; s += VF_LANES) {
        SIMD_UNROLL
        for (size_t r = 0; r < rows; r++)
            sum[r] = vf_add(sum[r], simd_weigh_vector(scores[r], s, first, end, true, most[r]));
    }
    if (s < end) {
        SIMD_UNROLL
        for (size_t r = 0; r < rows; r++)
            sum[r] = vf_add(sum[r], simd_weigh_vector(scores[r], s, first, end, false, most[r]));
        s += VF_LANES;
    }
    SIMD_UNROLL
    for (size_t r = 0; r < rows; r++) {
        for (size_t t = s; t < span; t += VF_LANES)
            vf_store_numbers((number *)scores[r] + t, zero);
        sums[r] = vf_sum(sum[r]);
    }
}

/* A row between two blocks of its keys: the greatest score so far, and the sum of the weights relative to it. */
typedef struct simd_softmax {
    float greatest, sum;
} simd_softmax;

/* Takes in the next block of the row; `greatest` and `sum` as simd_weigh left them. Returns the factor of what was mixed before. */
static inline float simd_softmax_add(simd_softmax *row, float greatest, float sum)
{
    const vf32 scale = greatest == row->greatest ? vf_set1(1.0f) : vf_exp2(vf_set1(row->greatest - greatest));
    *row = (simd_softmax){greatest, vf_greatest(vf_fma(vf_set1(row->sum), scale, vf_set1(sum)))};
    return vf_greatest(scale);
}

/* 1 / sum; NaN where every score overflowed downwards. */
static inline float simd_softmax_factor(simd_softmax row)
{
    return row.greatest == -INFINITY ? NAN : 1.0f / row.sum;
}

/* to[j] = mixed[j] * factor, as numbers; mixed: filled up to whole vectors with what nobody reads. */
static inline void simd_put_mixed(number *to, const float *mixed, size_t columns, float factor)
{
    const vf32 by = vf_set1(factor);
    for (size_t j = 0; j < columns; j += VF_LANES) {
        const vf32 x = vf_mul(vf_load(mixed + j), by);
        if (columns - j >= VF_LANES)
            vf_store_numbers(to + j, x);
        else
            vf_store_first_numbers(to + j, columns - j, x);
    }
}

/* How what is mixed out of a block joins its row. */
typedef enum simd_join_kind {
    SIMD_JOIN_NONE,  /* the row sees no key of the block */
    SIMD_JOIN_WHOLE, /* there is no other block: it is the result, by the factor */
    SIMD_JOIN_FIRST, /* it begins the row's sums */
    SIMD_JOIN_NEXT,  /* the row's sums, by the factor, are added to it */
} simd_join_kind;

typedef struct simd_join {
    simd_join_kind kind;
    float factor;
} simd_join;

/* Weighs the scores of rows that see the same keys, of which `keys` is one block. */
static inline __attribute__((always_inline)) void simd_weigh_alike(const size_t rows, kernel_keys seen,
                                                                   kernel_keys keys, bool only, float *scores,
                                                                   size_t stride, simd_softmax *kept,
                                                                   simd_join *joins)
{
    const size_t first = seen.first > keys.first ? seen.first : keys.first;
    const size_t end = seen.end < keys.end ? seen.end : keys.end;
    const bool begins = only || seen.first / KERNEL_KEY_BLOCK == first / KERNEL_KEY_BLOCK;
    float *of_row[SIMD_WEIGHED_ROWS], greatest[SIMD_WEIGHED_ROWS], sums[SIMD_WEIGHED_ROWS];
    for (size_t r = 0; r < rows; r++) {
        joins[r] = (simd_join){SIMD_JOIN_NONE, 0.0f};
        of_row[r] = scores + r * stride;
        greatest[r] = begins ? -INFINITY : kept[r].greatest;
    }
    if (first >= end)
        return;
    simd_weigh(of_row, rows, first - keys.first, end - keys.first, keys.end - keys.first, greatest, sums);
    for (size_t r = 0; r < rows; r++) {
        const simd_softmax weighed = {greatest[r], sums[r]};
        if (only) {
            joins[r] = (simd_join){SIMD_JOIN_WHOLE, simd_softmax_factor(weighed)};
        } else if (begins) {
            kept[r] = weighed;
            joins[r].kind = SIMD_JOIN_FIRST;
        } else {
            joins[r] = (simd_join){SIMD_JOIN_NEXT, simd_softmax_add(&kept[r], greatest[r], sums[r])};
        }
    }
}

/* Weighs the scores of the queries query .. query + rows - 1, `stride` apart, with `keys` of one block, which they need not all see.
 * only: there is no other block, and kept[rows] is neither read nor written. Which block is a row's first is told from what the
 * query sees, not from who else is computed. */
static void simd_weigh_rows(const kernel_attention *a, size_t query, size_t rows, kernel_keys keys, bool only,
                            float *scores, size_t stride, simd_softmax *kept, simd_join *joins)
{
    size_t r = 0;
    for (; !a->causal && a->window == 0 && r + SIMD_WEIGHED_ROWS <= rows; r += SIMD_WEIGHED_ROWS)
        simd_weigh_alike(SIMD_WEIGHED_ROWS, kernel_visible_keys(a, query + r), keys, only,
                         scores + r * stride, stride, kept + r, joins + r);
    for (; r < rows; r++)
        simd_weigh_alike(1, kernel_visible_keys(a, query + r), keys, only, scores + r * stride, stride,
                         kept + r, joins + r);
}

/* mixed: [panel], whole vectors; sums: the same columns of the row's sums; output: [columns] <= panel */
static inline void simd_join_mixed(const simd_join *join, const float *mixed, size_t panel, float *sums,
                                   number *output, size_t columns)
{
    switch (join->kind) {
    case SIMD_JOIN_NONE:
        break;
    case SIMD_JOIN_WHOLE:
        simd_put_mixed(output, mixed, columns, join->factor);
        break;
    case SIMD_JOIN_FIRST:
        memcpy(sums, mixed, panel * sizeof *sums);
        break;
    case SIMD_JOIN_NEXT:
        for (size_t j = 0; j < panel; j += VF_LANES)
            vf_store(sums + j, vf_fma(vf_load(sums + j), vf_set1(join->factor), vf_load(mixed + j)));
        break;
    }
}

/* scores: those of the query with the keys first .. end - 1, filled up to whole vectors with what nobody reads. */
static inline void simd_add_bias(const kernel_attention *a, size_t head, size_t query, size_t first,
                                 size_t end, float *scores)
{
    const float *bias = a->bias + head * a->bias_stride + first - query;
    for (size_t s = 0; s < end - first; s += VF_LANES)
        vf_store(scores + s, vf_add(vf_load(scores + s), vf_load(bias + s)));
}

#endif
