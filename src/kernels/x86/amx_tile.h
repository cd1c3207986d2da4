/* Matrix tiles (AMX): the instructions that the amx tier is made of, and the shape of a tile. Nothing else in the tier
 * names an instruction of AMX, so that its tests can put an emulation of this header in its place.
 *
 * Eight registers of up to 16 rows of 64 bytes, numbered by constants. A program configures how many rows each has, then
 * loads, multiplies and stores whole tiles. Compilers know too little of what these instructions read (gcc 12 takes a tile
 * load for one that reads no memory), hence the barriers: what stands before them in the program is written before them.
 *
 * The operating system must have given its permission before the first of them: see cpu.h. */
#ifndef KERNELS_AMX_TILE_H
#define KERNELS_AMX_TILE_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define AMX_ROWS 16      /* of a full tile */
#define AMX_ROW_BYTES 64 /* 16 f32 or int32, 32 bf16, 64 int8 */
#define AMX_TILE_BYTES (AMX_ROWS * AMX_ROW_BYTES)

/* What LDTILECFG takes: palette 1. All tiles here have full rows; rows[t] and row_bytes[t] are 0 for t >= 8. */
typedef struct amx_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} amx_config;

static inline void amx_configure(const amx_config *config)
{
    __asm__ volatile("" : : "r"(config) : "memory");
    _tile_loadconfig(config);
}

/* Gives all tiles back, so that the operating system has none to save. */
static inline void amx_release(void)
{
    _tile_release();
}

/* Rows from `from` on, `stride` bytes apart; 0 repeats one row. */
#define amx_load(tile, from, stride)                                                                         \
    do {                                                                                                     \
        __asm__ volatile("" : : "r"(from) : "memory");                                                       \
        _tile_loadd(tile, from, stride);                                                                     \
    } while (0)

/* As amx_load, for data that is not used again soon: it does not displace what is in the L1 cache. */
#define amx_load_passing(tile, from, stride)                                                                 \
    do {                                                                                                     \
        __asm__ volatile("" : : "r"(from) : "memory");                                                       \
        _tile_stream_loadd(tile, from, stride);                                                              \
    } while (0)

#define amx_store(tile, to, stride) _tile_stored(tile, to, stride)
#define amx_zero(tile) _tile_zero(tile)

/* c[m][n] += sum over pairs k of a[m][2k] b[k][2n] + a[m][2k + 1] b[k][2n + 1]; c f32, a and b bf16. The even and the odd
 * products are summed apart from zero on, each by fused multiply-adds with k rising; then their sum is added to c.
 * Rounded to the nearest even, denormals are zero. */
#define amx_dot_bf16(c, a, b) _tile_dpbf16ps(c, a, b)

/* c[m][n] += sum over groups of four products; c int32, a and b int8. Exact as long as the sums fit. */
#define amx_dot_int8(c, a, b) _tile_dpbssd(c, a, b)

#endif
