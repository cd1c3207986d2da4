/* Template: the register block that all products are made of. Include after a tier's vec header and the header of a number (f32.h,
 * bf16.h).
 *
 * A tile is up to TILE_ROWS rows by PANEL columns (two vectors), its sums held in registers over the whole depth. Every
 * number of rows has its own code, but each row's arithmetic is the same in all of them: start, then one tile_step
 * per k, k rising. This is what makes a row's result independent of its neighbours. */
#ifndef KERNELS_SIMD_TILE_H
#define KERNELS_SIMD_TILE_H

#include <stddef.h>

#include "kernels/simd/unroll.h"

#define PANEL (2 * VF_LANES)

/* A tier whose instructions take a single number out of a register as a factor says in its vec header how many units
 * of a row it loads at once, and how many rows it can address by pointers of their own. */
#ifndef TILE_STEPS
#define TILE_STEPS 1
#define TILE_ROWS_PER_POINTER 3
#endif

/* What is asked for ahead per unit of the depth, in units: a cache line of 16 per TILE_STEPS. */
#define TILE_AHEAD (16 / TILE_STEPS)

/* Four bytes that are multiplied in one step: UNIT_NUMBERS consecutive numbers of a row, an f32 or a pair of bf16. */
typedef float tile_unit __attribute__((may_alias));

/* c[r][j] = start[j] + sum over k of a[r][k] * panel[k][j], r < rows, j < PANEL; a product of units is the sum of the
 * products of their numbers */
typedef struct tile {
    size_t depth;
    const tile_unit *a; /* [rows][depth] */
    size_t a_stride;
    const tile_unit *panel; /* [depth][PANEL] dense */
    const float *start;     /* [PANEL] */
    float *c;               /* [rows][PANEL] */
    size_t c_stride;
    /* depth * TILE_AHEAD units from each on are asked into the L2 cache; any addresses */
    const tile_unit *ahead[2];
} tile;

#if TILE_STEPS == 1
typedef vf32 tile_factors;

static inline tile_factors tile_load_factors(const tile_unit *p)
{
    return vf_set1(*p);
}

static inline vf32 tile_step_by(tile_factors a, size_t i, vf32 b, vf32 sum)
{
    (void)i;
    return tile_step(a, b, sum);
}
#endif

/* rows is a constant at every use, so that all loops over rows unroll and sums stay in registers. Where the integer
 * registers are few, a pointer addresses several rows. */
static inline __attribute__((always_inline)) void tile_multiply(const tile *t, const size_t rows)
{
    vf32 sums[TILE_ROWS][2];
    vf32 start0 = vf_load(t->start), start1 = vf_load(t->start + VF_LANES);
    SIMD_UNROLL
    for (size_t r = 0; r < rows; r++) {
        sums[r][0] = start0;
        sums[r][1] = start1;
    }
    const size_t stride = t->a_stride;
    enum { POINTERS = (TILE_ROWS + TILE_ROWS_PER_POINTER - 1) / TILE_ROWS_PER_POINTER };
    const tile_unit *a[POINTERS];
    SIMD_UNROLL
    for (size_t g = 0; g < POINTERS; g++)
        a[g] = t->a + TILE_ROWS_PER_POINTER * g * stride;
    const tile_unit *panel = t->panel, *ahead = t->ahead[0], *ahead_too = t->ahead[1];
    const size_t even_depth = t->depth / TILE_STEPS * TILE_STEPS;
    for (size_t k = 0; k < even_depth; k += TILE_STEPS) {
        vf32 b[TILE_STEPS][2];
        SIMD_UNROLL
        for (size_t i = 0; i < TILE_STEPS; i++) {
            b[i][0] = vf_load(panel + i * PANEL);
            b[i][1] = vf_load(panel + i * PANEL + VF_LANES);
        }
        SIMD_UNROLL
        for (size_t r = 0; r < rows; r++) {
            tile_factors x =
                tile_load_factors(a[r / TILE_ROWS_PER_POINTER] + r % TILE_ROWS_PER_POINTER * stride + k);
            SIMD_UNROLL
            for (size_t i = 0; i < TILE_STEPS; i++) {
                sums[r][0] = tile_step_by(x, i, b[i][0], sums[r][0]);
                sums[r][1] = tile_step_by(x, i, b[i][1], sums[r][1]);
            }
        }
        panel += TILE_STEPS * PANEL;
        __builtin_prefetch(ahead, 0, 2);
        __builtin_prefetch(ahead_too, 0, 2);
        ahead += TILE_STEPS * TILE_AHEAD;
        ahead_too += TILE_STEPS * TILE_AHEAD;
    }
    for (size_t k = even_depth; TILE_STEPS > 1 && k < t->depth; k++) {
        vf32 b0 = vf_load(panel), b1 = vf_load(panel + VF_LANES);
        SIMD_UNROLL
        for (size_t r = 0; r < rows; r++) {
            vf32 x = vf_set1(a[r / TILE_ROWS_PER_POINTER][r % TILE_ROWS_PER_POINTER * stride + k]);
            sums[r][0] = tile_step(x, b0, sums[r][0]);
            sums[r][1] = tile_step(x, b1, sums[r][1]);
        }
        panel += PANEL;
    }
    SIMD_UNROLL
    for (size_t r = 0; r < rows; r++) {
        vf_store(t->c + r * t->c_stride, sums[r][0]);
        vf_store(t->c + r * t->c_stride + VF_LANES, sums[r][1]);
    }
}

static void tile_run(const tile *t, size_t rows)
{
    switch (rows) {
#define TILE_CASE(n)                                                                                         \
    case n:                                                                                                  \
        tile_multiply(t, n);                                                                                 \
        break;
        TILE_CASE(1)
        TILE_CASE(2)
        TILE_CASE(3)
        TILE_CASE(4)
        TILE_CASE(5)
        TILE_CASE(6)
#if TILE_ROWS > 6
        TILE_CASE(7)
        TILE_CASE(8)
        TILE_CASE(9)
        TILE_CASE(10)
        TILE_CASE(11)
        TILE_CASE(12)
#endif
#undef TILE_CASE
    }
}

/* Cuts `rows` rows into ceil(rows / TILE_ROWS) blocks of nearly even size: where block `index` begins. */
static inline size_t tile_first_row(size_t rows, size_t blocks, size_t index)
{
    return rows * index / blocks;
}

static inline size_t tile_blocks(size_t rows)
{
    return (rows + TILE_ROWS - 1) / TILE_ROWS;
}

#endif
