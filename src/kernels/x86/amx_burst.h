/* Template: the multiplier without loads, for measuring the roof: four sums, as in a block. Include after amx_block.h. */
#ifndef KERNELS_AMX_BURST_H
#define KERNELS_AMX_BURST_H

#include "kernels/x86/amx_block.h"

/* tiles: two of rows, two of columns; of all kinds of bits, because the multiplier runs faster on zeros. Returns the
 * operations done, two per multiplication of numbers, of which a row of a tile holds `row_numbers`. */
static inline double amx_burst(unsigned char tiles[4][AMX_TILE_BYTES], size_t row_numbers, size_t rounds)
{
    amx_configure_for((amx_cut){.tiles = 2, .height = AMX_ROWS});
    amx_zero_sums(AMX_TWO_ROW_TILES);
    amx_load(4, tiles[0], (size_t)AMX_ROW_BYTES);
    amx_load(5, tiles[1], (size_t)AMX_ROW_BYTES);
    amx_load(6, tiles[2], (size_t)AMX_ROW_BYTES);
    amx_load(7, tiles[3], (size_t)AMX_ROW_BYTES);
    for (size_t i = 0; i < rounds; i++) {
        AMX_DOT(0, 4, 6);
        AMX_DOT(1, 4, 7);
        AMX_DOT(2, 5, 6);
        AMX_DOT(3, 5, 7);
    }
    amx_release();
    return 2.0 * 4 * AMX_ROWS * AMX_ROWS * (double)row_numbers * (double)rounds;
}

#endif
