/* Stands in for src/kernels/x86/amx_tile.h when its directory comes first: the same operations in plain C, so that the amx
 * tier is tested on CPUs without matrix tiles. What an instruction would refuse, or no kernel should do, ends the program. */
#ifndef KERNELS_AMX_TILE_H
#define KERNELS_AMX_TILE_H

#include <stddef.h>
#include <stdint.h>

#define AMX_ROWS 16
#define AMX_ROW_BYTES 64
#define AMX_TILE_BYTES (AMX_ROWS * AMX_ROW_BYTES)

typedef struct amx_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} amx_config;

void amx_configure(const amx_config *config);
void amx_release(void);
void amx_load(unsigned tile, const void *from, size_t stride);
void amx_store(unsigned tile, void *to, size_t stride);
void amx_zero(unsigned tile);
void amx_dot_bf16(unsigned c, unsigned a, unsigned b);
void amx_dot_int8(unsigned c, unsigned a, unsigned b);

#define amx_load_passing amx_load

/* True where this thread holds a configuration: a kernel gives it back. */
int amx_configured(void);

#endif
