/* Template: the register block of products in int8. Include after a tier's vec header and its int8 operations.
 *
 * As tile.h, over units of four bytes of which one vi_dot multiplies and adds four pairs: rows are unsigned, weights signed. Sums
 * over a chunk are whole numbers in registers; they begin at what takes the rows' zero off again. At the end of a chunk they are
 * added to the f32 sums of the chunks before, in the order of the chunks, with the row's scale. */
#ifndef KERNELS_SIMD_INT8_TILE_H
#define KERNELS_SIMD_INT8_TILE_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/int8.h"
#include "kernels/simd/unroll.h"

#define PANEL (2 * VF_LANES)
#define INT8_UNIT 4
#define INT8_LINE 64

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
    const unsigned char *ahead[2]; /* a cache line per unit from each on is asked into the L2 cache */
} int8_tile;

/* rows is a constant at every use, see tile.h. */
static inline __attribute__((always_inline)) void int8_tile_multiply(const int8_tile *t, const size_t rows)
{
    const float *const bias = (const float *)t->panel, *const scale = bias + PANEL;
    const unsigned char *panel = t->panel + 2 * PANEL * sizeof(float);
    const unsigned char *ahead = t->ahead[0], *ahead_too = t->ahead[1];
    const size_t stride = t->a_stride;
    for (size_t first = 0; first < t->inputs; first += INT8_CHUNK) {
        const bool last = t->inputs - first <= INT8_CHUNK;
        const size_t units = ((last ? t->inputs - first : INT8_CHUNK) + INT8_UNIT - 1) / INT8_UNIT;
        vi32 sums[INT8_TILE_ROWS][2];
        const vi32 start0 = vi_load(panel), start1 = vi_load(panel + VF_LANES * INT8_UNIT);
        const unsigned char *a[(INT8_TILE_ROWS + 2) / 3];
        panel += PANEL * INT8_UNIT;
        SIMD_UNROLL
        for (size_t r = 0; r < rows; r++) {
            sums[r][0] = start0;
            sums[r][1] = start1;
        }
        SIMD_UNROLL
        for (size_t g = 0; g < (INT8_TILE_ROWS + 2) / 3; g++)
            a[g] = t->a + 3 * g * stride + first;
        for (size_t k = 0; k < units; k++) {
            const vi32 b0 = vi_load(panel), b1 = vi_load(panel + VF_LANES * INT8_UNIT);
            SIMD_UNROLL
            for (size_t r = 0; r < rows; r++) {
                const vi32 x = vi_set1_unit(a[r / 3] + r % 3 * stride + k * INT8_UNIT);
                sums[r][0] = vi_dot(sums[r][0], x, b0);
                sums[r][1] = vi_dot(sums[r][1], x, b1);
            }
            panel += PANEL * INT8_UNIT;
            __builtin_prefetch(ahead, 0, 2);
            __builtin_prefetch(ahead_too, 0, 2);
            ahead += INT8_LINE;
            ahead_too += INT8_LINE;
        }
        /* Before the last chunk: times 1 plus 0. */
        const vf32 zero = vf_set1(0.0f), one = vf_set1(1.0f);
        const vf32 bias0 = last ? vf_load(bias) : zero, bias1 = last ? vf_load(bias + VF_LANES) : zero;
        const vf32 scale0 = last ? vf_load(scale) : one, scale1 = last ? vf_load(scale + VF_LANES) : one;
        const float *row_scales = t->scales + first / INT8_CHUNK;
        SIMD_UNROLL
        for (size_t r = 0; r < rows; r++) {
            float *c = t->c + r * t->c_stride;
            const vf32 row_scale = vf_set1(row_scales[r * t->scale_stride]);
            const vf32 before0 = first > 0 ? vf_load(c) : zero;
            const vf32 before1 = first > 0 ? vf_load(c + VF_LANES) : zero;
            const vf32 x0 = vf_fma(vi_to_f32(sums[r][0]), row_scale, before0);
            const vf32 x1 = vf_fma(vi_to_f32(sums[r][1]), row_scale, before1);
            vf_store(c, vf_fma(x0, scale0, bias0));
            vf_store(c + VF_LANES, vf_fma(x1, scale1, bias1));
        }
    }
}

static void int8_tile_run(const int8_tile *t, size_t rows)
{
    switch (rows) {
#define INT8_TILE_CASE(n)                                                                                    \
    case n:                                                                                                  \
        int8_tile_multiply(t, n);                                                                            \
        break;
        INT8_TILE_CASE(1)
        INT8_TILE_CASE(2)
        INT8_TILE_CASE(3)
        INT8_TILE_CASE(4)
        INT8_TILE_CASE(5)
#if INT8_TILE_ROWS > 5
        INT8_TILE_CASE(6)
#endif
#if INT8_TILE_ROWS > 6
        INT8_TILE_CASE(7)
        INT8_TILE_CASE(8)
        INT8_TILE_CASE(9)
        INT8_TILE_CASE(10)
        INT8_TILE_CASE(11)
        INT8_TILE_CASE(12)
#endif
#undef INT8_TILE_CASE
    }
}

#endif
