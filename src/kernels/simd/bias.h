/* Template: relative positions, added to one row of scores. Include after a tier's vec header. */
#ifndef KERNELS_SIMD_BIAS_H
#define KERNELS_SIMD_BIAS_H

#include "kernels/kernels.h"

/* scores: those of the query with the keys first .. end - 1, filled up to whole vectors with what nobody reads. */
static inline void simd_add_bias(const kernel_attention *a, size_t head, size_t query, size_t first,
                                 size_t end, float *scores)
{
    const float *bias = a->bias + head * a->bias_stride + first - query;
    for (size_t s = 0; s < end - first; s += VF_LANES)
        vf_store(scores + s, vf_add(vf_load(scores + s), vf_load(bias + s)));
}

#endif
