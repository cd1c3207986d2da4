/* Template: the softmax of one row of scores. Include after a tier's vec header and the header of a number. */
#ifndef KERNELS_SIMD_SOFTMAX_H
#define KERNELS_SIMD_SOFTMAX_H

#include <math.h>
#include <stddef.h>

/* scores: [tokens], left as numbers exp2(score - greatest), filled up with zeros to whole units. Returns 1 / their
 * sum. */
static float simd_weigh(float *scores, size_t tokens)
{
    const size_t whole = tokens / VF_LANES * VF_LANES, rest = tokens - whole;
    const vf32 lowest = vf_set1(-INFINITY);
    number *weights = (number *)scores; /* in place: never ahead of what is still to be read */
    vf32 greatest = lowest, sum = vf_set1(0.0f);
    for (size_t s = 0; s < whole; s += VF_LANES)
        greatest = vf_max(greatest, vf_load(scores + s));
    if (rest > 0)
        greatest = vf_max(greatest, vf_first(vf_load(scores + whole), rest, lowest));
    greatest = vf_set1(vf_greatest(greatest));
    for (size_t s = 0; s < whole; s += VF_LANES) {
        vf32 x = number_exp2(vf_sub(vf_load(scores + s), greatest));
        vf_store_numbers(weights + s, x);
        sum = vf_add(sum, x);
    }
    if (rest > 0) {
        vf32 x = number_exp2(vf_sub(vf_load(scores + whole), greatest));
        x = vf_first(x, rest, vf_set1(0.0f));
        vf_store_numbers(weights + whole, x);
        sum = vf_add(sum, x);
    }
    return 1.0f / vf_sum(sum);
}

/* As the function above, over the scores first .. end - 1; the weights of the others up to `span` become zero. */
static float simd_weigh_between(float *scores, size_t first, size_t end, size_t span)
{
    const vf32 lowest = vf_set1(-INFINITY), zero = vf_set1(0.0f);
    number *weights = (number *)scores;
    vf32 greatest = lowest, sum = zero;
    for (size_t s = first / VF_LANES * VF_LANES; s < end; s += VF_LANES) {
        vf32 x = vf_load(scores + s);
        if (end - s < VF_LANES)
            x = vf_first(x, end - s, lowest);
        if (s < first)
            x = vf_first(lowest, first - s, x);
        greatest = vf_max(greatest, x);
    }
    greatest = vf_set1(vf_greatest(greatest));
    for (size_t s = 0; s < span; s += VF_LANES) {
        vf32 x = zero;
        if (s + VF_LANES > first && s < end) {
            x = number_exp2(vf_sub(vf_load(scores + s), greatest));
            if (end - s < VF_LANES)
                x = vf_first(x, end - s, zero);
            if (s < first)
                x = vf_first(zero, first - s, x);
            sum = vf_add(sum, x);
        }
        vf_store_numbers(weights + s, x);
    }
    return 1.0f / vf_sum(sum);
}

#endif
