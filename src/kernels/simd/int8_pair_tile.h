/* Template: the register block of products in int8, for instructions that multiply two rows by two columns. Include after a
 * tier's vec header and its int8 operations, vi_load_pair, vi_multiply_pairs, vi_first_rows and vi_second_rows among them.
 *
 * A unit is eight bytes, so that one vector of a panel holds a unit of two columns, and a sum two rows by two columns. An odd last
 * row is multiplied by itself, and the second result dropped. Sums over a chunk are whole numbers, so the order in which they
 * are added has no influence; chunks are treated as in int8_tile.h. Rows have their zero at 0. */
#ifndef KERNELS_SIMD_INT8_PAIR_TILE_H
#define KERNELS_SIMD_INT8_PAIR_TILE_H

#include "kernels/simd/int8_panel.h"
#include "kernels/simd/unroll.h"

#define INT8_COLUMN_PAIRS (PANEL / 2)

/* The sums of two vectors of columns become f32 and are added to those of the chunks before. */
static inline __attribute__((always_inline)) void int8_pair_put(const int8_tile *t, size_t row, size_t first,
                                                                bool last, const vi32 sums[2])
{
    const float *const bias = (const float *)t->panel, *const scale = bias + PANEL;
    const vf32 row_scale = vf_set1(t->scales[row * t->scale_stride + first / INT8_CHUNK]);
    for (size_t j = 0; j < 2; j++) {
        float *c = t->c + row * t->c_stride + j * VF_LANES;
        vf32 x = vf_fma(vi_to_f32(sums[j]), row_scale, first > 0 ? vf_load(c) : vf_set1(0.0f));
        if (last)
            x = vf_fma(x, vf_load(scale + j * VF_LANES), vf_load(bias + j * VF_LANES));
        vf_store(c, x);
    }
}

/* rows is a constant at every use, see tile.h. */
static inline __attribute__((always_inline)) void int8_tile_multiply(const int8_tile *t, const size_t rows)
{
    enum { PAIRS = INT8_TILE_ROWS / 2 };
    const unsigned char *panel = t->panel + 2 * PANEL * sizeof(float);
    const unsigned char *ahead = t->ahead[0], *ahead_too = t->ahead[1];
    const size_t pairs = (rows + 1) / 2;
    for (size_t first = 0; first < t->inputs; first += INT8_CHUNK) {
        const bool last = t->inputs - first <= INT8_CHUNK;
        const size_t units = ((last ? t->inputs - first : INT8_CHUNK) + INT8_UNIT - 1) / INT8_UNIT;
        vi32 sums[PAIRS][INT8_COLUMN_PAIRS];
        const unsigned char *a[INT8_TILE_ROWS];
        panel += PANEL * sizeof(int32_t);
        SIMD_UNROLL
        for (size_t p = 0; p < pairs; p++) {
            a[2 * p] = t->a + 2 * p * t->a_stride + first;
            a[2 * p + 1] = 2 * p + 1 < rows ? a[2 * p] + t->a_stride : a[2 * p];
            SIMD_UNROLL
            for (size_t j = 0; j < INT8_COLUMN_PAIRS; j++)
                sums[p][j] = vi_magnitude(vf_set1(0.0f));
        }
        for (size_t k = 0; k < units; k++) {
            vi32 x[PAIRS];
            SIMD_UNROLL
            for (size_t p = 0; p < pairs; p++)
                x[p] = vi_load_pair(a[2 * p] + k * INT8_UNIT, a[2 * p + 1] + k * INT8_UNIT);
            SIMD_UNROLL
            for (size_t j = 0; j < INT8_COLUMN_PAIRS; j++) {
                const vi32 b = vi_load(panel + 2 * j * INT8_UNIT);
                SIMD_UNROLL
                for (size_t p = 0; p < pairs; p++)
                    sums[p][j] = vi_multiply_pairs(sums[p][j], x[p], b);
            }
            panel += PANEL * INT8_UNIT;
            __builtin_prefetch(ahead, 0, 2);
            __builtin_prefetch(ahead_too, 0, 2);
            ahead += INT8_AHEAD;
            ahead_too += INT8_AHEAD;
        }
        SIMD_UNROLL
        for (size_t p = 0; p < pairs; p++) {
            const vi32 upper[2] = {vi_first_rows(sums[p][0], sums[p][1]),
                                   vi_first_rows(sums[p][2], sums[p][3])};
            const vi32 lower[2] = {vi_second_rows(sums[p][0], sums[p][1]),
                                   vi_second_rows(sums[p][2], sums[p][3])};
            int8_pair_put(t, 2 * p, first, last, upper);
            if (2 * p + 1 < rows)
                int8_pair_put(t, 2 * p + 1, first, last, lower);
        }
    }
}

#endif
