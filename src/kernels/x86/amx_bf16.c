#include "kernels/x86/amx.h"

#include "kernels/x86/avx512_bf16_vec.h"

#include "kernels/simd/bf16.h"

#include "kernels/simd/narrow.h"
#include "kernels/simd/rotary.h"

#define AMX_DOT amx_dot_bf16
#include "kernels/x86/amx_burst.h"

/* Small numbers, so that sums stay finite. */
static double burst(size_t rounds)
{
    _Alignas(KERNEL_ALIGNMENT) unsigned char tiles[4][AMX_TILE_BYTES];
    number *numbers = (number *)tiles;
    uint32_t state = 1;
    for (size_t i = 0; i < sizeof tiles / sizeof *numbers; i++) {
        state = state * 1664525 + 1013904223;
        numbers[i] = number_round(((float)(state >> 8) - 0x1p23f) * 0x1p-23f);
    }
    return amx_burst(tiles, AMX_ROW_BYTES / sizeof *numbers, rounds);
}

const kernel_precision amx_bf16 = {
    .number = NUMBER,
    .row_block = 256,
    .column_step = AMX_PANEL,
    .packed_bytes = amx_bf16_packed_bytes,
    .pack = amx_bf16_pack,
    .expand = amx_bf16_expand,
    .narrow = simd_narrow,
    .multiply = amx_bf16_multiply,
    .attention_scratch_bytes = amx_bf16_attention_scratch_bytes,
    .attention = amx_bf16_attention,
    .rotary = simd_rotary,
    .gate = simd_gate,
    .burst = burst,
};
