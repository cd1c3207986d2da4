#include "kernels/x86/x86.h"

#include "kernels/tiers.h"

#include "kernels/x86/avx512_bf16_vec.h"

#include "kernels/simd/bf16.h"

#include "kernels/simd/rotary.h"

#define AMX_DOT amx_dot_bf16
#include "kernels/x86/amx_block.h"

/* Where weights in 4 bits expand to: the tiles that amx_bf16_linear.c packs. */
#define TILE_UNITS (AMX_ROW_BYTES / 4)
#define EXPAND_UNITS(inputs) (((inputs) + 2 * TILE_UNITS - 1) / (2 * TILE_UNITS) * TILE_UNITS)
#define EXPAND_AT(unit, column)                                                                              \
    ((unit) / TILE_UNITS * 2 * TILE_UNITS * AMX_ROWS + (column) / AMX_ROWS * TILE_UNITS * AMX_ROWS +         \
     (unit) % TILE_UNITS * AMX_ROWS + (column) % AMX_ROWS)
#include "kernels/simd/expand.h"

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

static const kernel_precision amx_bf16 = {
    .number = NUMBER,
    .row_block = 256,
    .column_step = AMX_PANEL,
    .packed_bytes = amx_bf16_packed_bytes,
    .pack = amx_bf16_pack,
    .expand = simd_expand,
    .narrow = simd_narrow,
    .multiply = amx_bf16_multiply,
    .attention_scratch_bytes = amx_bf16_attention_scratch_bytes,
    .attention = amx_bf16_attention,
    .rotary = simd_rotary,
    .gate = simd_gate,
    .burst = burst,
};

const kernel_table kernels_amx = {
    .name = "amx",
    .fp32 = &avx512_fp32,
    .bf16 = &amx_bf16,
    .bf16_is_faster = true,
    .int8 = &amx_int8,
    .int8_is_faster = true,
    .norm = avx512_norm,
};
