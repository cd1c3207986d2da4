/* Template: the register block of products in int8. Include after a tier's vec header and its int8 operations.
 *
 * As tile.h, over units of four bytes of which one vi_dot multiplies and adds four pairs: weights are signed, rows unsigned or signed
 * too. Sums over a chunk are whole numbers in registers; they begin at what takes the rows' zero off again. At the end of a chunk they are
 * added to the f32 sums of the chunks before, in the order of the chunks, with the row's scale. */
#ifndef KERNELS_SIMD_INT8_TILE_H
#define KERNELS_SIMD_INT8_TILE_H

#include "kernels/simd/int8_panel.h"
#include "kernels/simd/unroll.h"

#if TILE_STEPS == 1
typedef vi32 int8_factors;

static inline int8_factors int8_load_factors(const unsigned char *p)
{
    return vi_set1_unit(p);
}

static inline vi32 int8_step_by(vi32 sum, int8_factors a, size_t i, vi32 b)
{
    (void)i;
    return vi_dot(sum, a, b);
}
#endif

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
        enum { POINTERS = (INT8_TILE_ROWS + TILE_ROWS_PER_POINTER - 1) / TILE_ROWS_PER_POINTER };
        const unsigned char *a[POINTERS];
        panel += PANEL * INT8_UNIT;
        SIMD_UNROLL
        for (size_t r = 0; r < rows; r++) {
            sums[r][0] = start0;
            sums[r][1] = start1;
        }
        SIMD_UNROLL
        for (size_t g = 0; g < POINTERS; g++)
            a[g] = t->a + TILE_ROWS_PER_POINTER * g * stride + first;
        const size_t even_units = units / TILE_STEPS * TILE_STEPS;
        for (size_t k = 0; k < even_units; k += TILE_STEPS) {
            vi32 b[TILE_STEPS][2];
            SIMD_UNROLL
            for (size_t i = 0; i < TILE_STEPS; i++) {
                b[i][0] = vi_load(panel + 2 * i * VF_LANES * INT8_UNIT);
                b[i][1] = vi_load(panel + (2 * i + 1) * VF_LANES * INT8_UNIT);
            }
            SIMD_UNROLL
            for (size_t r = 0; r < rows; r++) {
                const int8_factors x = int8_load_factors(a[r / TILE_ROWS_PER_POINTER] +
                                                         r % TILE_ROWS_PER_POINTER * stride + k * INT8_UNIT);
                SIMD_UNROLL
                for (size_t i = 0; i < TILE_STEPS; i++) {
                    sums[r][0] = int8_step_by(sums[r][0], x, i, b[i][0]);
                    sums[r][1] = int8_step_by(sums[r][1], x, i, b[i][1]);
                }
            }
            panel += TILE_STEPS * PANEL * INT8_UNIT;
            __builtin_prefetch(ahead, 0, 2);
            __builtin_prefetch(ahead_too, 0, 2);
            ahead += TILE_STEPS * INT8_AHEAD;
            ahead_too += TILE_STEPS * INT8_AHEAD;
        }
        for (size_t k = even_units; TILE_STEPS > 1 && k < units; k++) {
            const vi32 b0 = vi_load(panel), b1 = vi_load(panel + VF_LANES * INT8_UNIT);
            SIMD_UNROLL
            for (size_t r = 0; r < rows; r++) {
                const vi32 x = vi_set1_unit(a[r / TILE_ROWS_PER_POINTER] +
                                            r % TILE_ROWS_PER_POINTER * stride + k * INT8_UNIT);
                sums[r][0] = vi_dot(sums[r][0], x, b0);
                sums[r][1] = vi_dot(sums[r][1], x, b1);
            }
            panel += PANEL * INT8_UNIT;
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

#endif
