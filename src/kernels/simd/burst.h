/* Template: multiply-adds in registers, for measuring the roof. Include after a tier's vec header. As many chains as a
 * tile has sums; the values stay finite and different from zero. */
#ifndef KERNELS_SIMD_BURST_H
#define KERNELS_SIMD_BURST_H

#include <stddef.h>

#include "kernels/simd/unroll.h"

static double simd_fma_burst(size_t rounds)
{
    volatile float unknown = 0.999f, sink;
    const vf32 factor = vf_set1(unknown), term = vf_set1(1.0f - unknown);
    vf32 sums[TILE_ROWS * 2];
    SIMD_UNROLL
    for (size_t j = 0; j < TILE_ROWS * 2; j++)
        sums[j] = vf_set1((float)(j + 2));
    for (size_t i = 0; i < rounds; i++) {
        SIMD_UNROLL
        for (size_t j = 0; j < TILE_ROWS * 2; j++)
            sums[j] = vf_fma(sums[j], factor, term);
    }
    SIMD_UNROLL
    for (size_t j = 1; j < TILE_ROWS * 2; j++)
        sums[0] = vf_add(sums[0], sums[j]);
    sink = vf_sum(sums[0]);
    (void)sink;
    return 2.0 * VF_LANES * TILE_ROWS * 2 * (double)rounds;
}

#endif
