/* Template: what a tile of products in int8 works on: the layout of the weights, and the end of a chunk, where its whole sums
 * become f32. Include after a tier's vec header and its int8 operations. */
#ifndef KERNELS_SIMD_INT8_PANEL_H
#define KERNELS_SIMD_INT8_PANEL_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/int8.h"

#define PANEL (2 * VF_LANES)
#ifndef INT8_UNIT
#define INT8_UNIT 4 /* bytes of a row, and of each column, that one instruction multiplies and adds up */
#endif
#define INT8_LINE 64

/* As in tile.h. */
#ifndef TILE_STEPS
#define TILE_STEPS 1
#define TILE_ROWS_PER_POINTER 3
#endif

/* What is asked for ahead per unit: a cache line of 64 bytes per step of the loop over units. */
#define INT8_AHEAD (INT8_LINE / TILE_STEPS)

typedef struct int8_tile {
    size_t inputs;
    const unsigned char *a; /* [rows][inputs], 4-byte aligned */
    size_t a_stride;
    const float *scales; /* [rows][int8_chunks(inputs)] */
    size_t scale_stride;
    /* Bias and scale, [PANEL] f32 each; then by chunk [PANEL] int32, where its sums begin, and [units][PANEL] units. */
    const unsigned char *panel;
    float *c; /* [rows][PANEL] */
    size_t c_stride;
    const unsigned char *ahead[2]; /* INT8_AHEAD bytes per unit from each on are asked into the L2 cache */
} int8_tile;

#endif
