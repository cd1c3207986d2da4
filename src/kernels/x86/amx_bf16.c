#include "kernels/x86/amx.h"

#include "kernels/x86/avx512_bf16_vec.h"

#include "kernels/simd/bf16.h"

#include "kernels/simd/narrow.h"

#define AMX_DOT amx_dot_bf16
#include "kernels/x86/amx_block.h"

/* The multiplier without loads: four sums, as in a block. Numbers of all kinds of bits, small enough that sums stay
 * finite, because the multiplier runs faster on zeros. */
static double burst(size_t rounds)
{
    _Alignas(KERNEL_ALIGNMENT) number tiles[4][AMX_TILE_BYTES / sizeof(number)];
    uint32_t state = 1;
    for (size_t t = 0; t < 4; t++)
        for (size_t i = 0; i < AMX_TILE_BYTES / sizeof(number); i++) {
            state = state * 1664525 + 1013904223;
            tiles[t][i] = number_round(((float)(state >> 8) - 0x1p23f) * 0x1p-23f);
        }
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
    return 2.0 * 4 * AMX_ROWS * AMX_ROWS * (AMX_ROW_BYTES / sizeof(number)) * (double)rounds;
}

const kernel_precision amx_bf16 = {
    .number = NUMBER,
    .row_block = 256,
    .column_step = AMX_PANEL,
    .packed_bytes = amx_bf16_packed_bytes,
    .pack = amx_bf16_pack,
    .narrow = simd_narrow,
    .multiply = amx_bf16_multiply,
    .attention_scratch_bytes = amx_bf16_attention_scratch_bytes,
    .attention = amx_bf16_attention,
    .burst = burst,
};
