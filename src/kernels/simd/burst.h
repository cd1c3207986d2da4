/* Template: the tile's step in registers, for measuring the roof. Include after tile.h. As many chains as a
 * tile has sums; the values stay finite and different from zero. */
#ifndef KERNELS_SIMD_BURST_H
#define KERNELS_SIMD_BURST_H

#include "kernels/simd/tile.h"

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
