#include "kernels/x86/x86.h"

#define INT8_ZERO 0
#include "kernels/x86/avx512_bf16_vec.h"
#include "kernels/x86/avx512_int8_vec.h"

#include "kernels/simd/bf16.h"

#include "kernels/simd/int8_quantise.h"

#define AMX_DOT amx_dot_int8
#include "kernels/x86/amx_block.h"

void amx_int8_quantise(const int8_quantisation *q)
{
    simd_quantise(q);
}

static double burst(size_t rounds)
{
    _Alignas(KERNEL_ALIGNMENT) unsigned char tiles[4][AMX_TILE_BYTES];
    uint32_t state = 1;
    for (size_t i = 0; i < sizeof tiles; i++) {
        state = state * 1664525 + 1013904223;
        tiles[i / AMX_TILE_BYTES][i % AMX_TILE_BYTES] = (unsigned char)(state >> 24);
    }
    return amx_burst(tiles, AMX_ROW_BYTES, rounds);
}

const kernel_int8 amx_int8 = {
    .number = NUMBER,
    .zero = INT8_ZERO,
    .row_block = 256,
    .column_step = AMX_PANEL,
    .packed_bytes = amx_int8_packed_bytes,
    .pack = amx_int8_pack,
    .quantise = amx_int8_quantise,
    .scratch_bytes = amx_int8_scratch_bytes,
    .multiply = amx_int8_multiply,
    .burst = burst,
};
