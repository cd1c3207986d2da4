/* Template: the softmax of one row of scores, a block of keys at a time. Include after a tier's vec header and the header of a
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

/* scores: [span] of a block, of which the row sees first .. end - 1; these are left as numbers exp2(score - greatest), the others,
 * and what fills up the last vector, as zeros. *greatest: of the scores of the row before this block, -INFINITY where there are none;
 * then with those of the block. Returns the sum of the exp2. */
static float simd_weigh(float *scores, size_t first, size_t end, size_t span, float *greatest)
{
    const vf32 lowest = vf_set1(-INFINITY), zero = vf_set1(0.0f);
    const size_t begin = first / VF_LANES * VF_LANES;
    number *weights = (number *)scores; /* in place: never ahead of what is still to be read */
    vf32 most = lowest, most_too = lowest, sum = zero;
    size_t s = begin;
    if (s < first) {
        most = simd_between(vf_load(scores + s), s, first, end, lowest);
        s += VF_LANES;
    }
    for (; s + 2 * VF_LANES <= end; s += 2 * VF_LANES) {
        most = vf_max(most, vf_load(scores + s));
        most_too = vf_max(most_too, vf_load(scores + s + VF_LANES));
    }
    for (; s < end; s += VF_LANES)
        most = vf_max(most, simd_between(vf_load(scores + s), s, first, end, lowest));
    most = simd_greatest(vf_max(most_too, most), greatest);
    for (s = 0; s < begin; s += VF_LANES)
        vf_store_numbers(weights + s, zero);
    if (s < first) {
        sum = simd_between(number_exp2(vf_sub(vf_load(scores + s), most)), s, first, end, zero);
        vf_store_numbers(weights + s, sum);
        s += VF_LANES;
    }
    for (; s + VF_LANES <= end; s += VF_LANES) {
        const vf32 x = number_exp2(vf_sub(vf_load(scores + s), most));
        vf_store_numbers(weights + s, x);
        sum = vf_add(sum, x);
    }
    if (s < end) {
        const vf32 x = simd_between(number_exp2(vf_sub(vf_load(scores + s), most)), s, first, end, zero);
        vf_store_numbers(weights + s, x);
        sum = vf_add(sum, x);
        s += VF_LANES;
    }
    for (; s < span; s += VF_LANES)
        vf_store_numbers(weights + s, zero);
    return vf_sum(sum);
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

/* Weighs the scores of `query` with `keys` of one block, which it need not all see. only: there is no other block, and *row is
 * neither read nor written. Which block is a row's first is told from what the query sees, not from who else is computed. */
static simd_join simd_weigh_block(const kernel_attention *a, size_t query, kernel_keys keys, bool only,
                                  float *scores, simd_softmax *row)
{
    const kernel_keys seen = kernel_visible_keys(a, query);
    const size_t first = seen.first > keys.first ? seen.first : keys.first;
    const size_t end = seen.end < keys.end ? seen.end : keys.end;
    if (first >= end)
        return (simd_join){SIMD_JOIN_NONE, 0.0f};
    const bool begins = only || seen.first / KERNEL_KEY_BLOCK == first / KERNEL_KEY_BLOCK;
    float greatest = begins ? -INFINITY : row->greatest;
    const float sum =
        simd_weigh(scores, first - keys.first, end - keys.first, keys.end - keys.first, &greatest);
    if (only)
        return (simd_join){SIMD_JOIN_WHOLE, simd_softmax_factor((simd_softmax){greatest, sum})};
    if (!begins)
        return (simd_join){SIMD_JOIN_NEXT, simd_softmax_add(row, greatest, sum)};
    *row = (simd_softmax){greatest, sum};
    return (simd_join){SIMD_JOIN_FIRST, 0.0f};
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
