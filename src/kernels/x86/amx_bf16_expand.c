/* Weights stored as int4 in the tiles of amx_bf16_linear.c. */
#include "kernels/x86/amx.h"

#include "kernels/x86/amx_tile.h"

#include "kernels/x86/avx512_bf16_vec.h"

#include "kernels/simd/bf16.h"

#define TILE_UNITS (AMX_ROW_BYTES / 4)
#define EXPAND_UNITS(inputs) (((inputs) + 2 * TILE_UNITS - 1) / (2 * TILE_UNITS) * TILE_UNITS)
#define EXPAND_AT(unit, column)                                                                              \
    ((unit) / TILE_UNITS * 2 * TILE_UNITS * AMX_ROWS + (column) / AMX_ROWS * TILE_UNITS * AMX_ROWS +         \
     (unit) % TILE_UNITS * AMX_ROWS + (column) % AMX_ROWS)
#include "kernels/simd/expand.h"

void amx_bf16_expand(const void *stored, size_t outputs, size_t inputs, void *packed)
{
    simd_expand(stored, outputs, inputs, packed);
}
