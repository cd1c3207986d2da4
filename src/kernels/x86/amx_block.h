/* Template: the block that all products of matrix tiles are made of. Include after defining AMX_DOT(c, a, b), the
 * instruction that multiplies tiles of the number in question.
 *
 * A block has two halves. A half is one tile of rows by one panel, which is two tiles wide, its sums in two registers over
 * the whole depth; four sums at once are what keeps the multiplier busy. The halves share either the panel (many rows) or
 * the rows (few). Each row's arithmetic is the same in all shapes: start, then one AMX_DOT per tile of the depth, in rising
 * order. Sums that are stored and loaded in between do not change.
 *
 * Rows are cut into tiles of one height, so that one configuration of the registers serves a whole call and no row
 * outside the matrix is touched: the last tiles overlap the ones before them, and common rows are computed twice, to
 * the same bits. */
#ifndef KERNELS_AMX_BLOCK_H
#define KERNELS_AMX_BLOCK_H

#include <stdbool.h>
#include <stddef.h>

#include "kernels/x86/amx_tile.h"

#define AMX_PANEL 32 /* columns */
#define AMX_PANEL_STEP                                                                                       \
    (2 * AMX_TILE_BYTES) /* of a panel, per tile of the depth: its two tiles one after the other */

typedef enum amx_shape {
    AMX_TWO_ROW_TILES, /* one panel */
    AMX_TWO_PANELS,    /* one tile of rows */
    AMX_ONE_HALF,      /* the second half is not there */
} amx_shape;

/* Which side is not used again before the L1 cache has forgotten it. */
typedef enum amx_passing {
    AMX_NONE_PASSES,
    AMX_ROWS_PASS,
    AMX_PANELS_PASS,
} amx_passing;

typedef struct amx_block {
    size_t steps;        /* tiles of the depth that are loaded from the rows themselves */
    const void *rows[2]; /* [height][steps * AMX_ROW_BYTES] */
    size_t row_stride;   /* all strides in bytes */
    /* one more tile of the depth, its rows AMX_ROW_BYTES apart; NULL when there is none */
    const void *tails[2];
    const void *panels[2]; /* [steps, and one for the tail][2] tiles */
    const void *start[2];  /* [height][AMX_PANEL] sums of four bytes to begin with; NULL: zeros */
    size_t start_stride;   /* 0: one row for all */
    void *sums[2];         /* [height][AMX_PANEL] */
    size_t sums_stride;
} amx_block;

typedef struct amx_cut {
    size_t tiles, height;
} amx_cut;

/* One tile, or an even number of them; rows > 0. */
static inline amx_cut amx_cut_rows(size_t rows)
{
    size_t tiles = (rows - 1) / AMX_ROWS + 1;
    if (tiles > 1)
        tiles += tiles % 2;
    return (amx_cut){.tiles = tiles, .height = (rows - 1) / tiles + 1};
}

static inline size_t amx_first_row(amx_cut cut, size_t rows, size_t tile)
{
    const size_t first = tile * cut.height;
    return first < rows - cut.height ? first : rows - cut.height;
}

/* Registers 0 to 3 hold sums, 4 and 5 rows, 6 and 7 columns; with one tile of rows 5 holds columns too. */
static inline void amx_configure_for(amx_cut cut)
{
    amx_config config = {.palette = 1};
    for (size_t t = 0; t < 8; t++) {
        const bool columns = t >= 6 || (t == 5 && cut.tiles == 1);
        config.row_bytes[t] = AMX_ROW_BYTES;
        config.rows[t] = (uint8_t)(columns ? AMX_ROWS : cut.height);
    }
    amx_configure(&config);
}

static inline __attribute__((always_inline)) void amx_zero_sums(const amx_shape shape)
{
    amx_zero(0);
    amx_zero(1);
    if (shape != AMX_ONE_HALF) {
        amx_zero(2);
        amx_zero(3);
    }
}

static inline __attribute__((always_inline)) void amx_start(const amx_block *b, const amx_shape shape)
{
    if (b->start[0] == NULL) {
        amx_zero_sums(shape);
        return;
    }
    const unsigned char *first = b->start[0], *second = b->start[1];
    amx_load(0, first, b->start_stride);
    amx_load(1, first + AMX_ROW_BYTES, b->start_stride);
    if (shape != AMX_ONE_HALF) {
        amx_load(2, second, b->start_stride);
        amx_load(3, second + AMX_ROW_BYTES, b->start_stride);
    }
}

#define AMX_LOAD_ROWS(tile, from)                                                                            \
    do {                                                                                                     \
        if (passing == AMX_ROWS_PASS)                                                                        \
            amx_load_passing(tile, from, row_stride);                                                        \
        else                                                                                                 \
            amx_load(tile, from, row_stride);                                                                \
    } while (0)

#define AMX_LOAD_COLUMNS(tile, from)                                                                         \
    do {                                                                                                     \
        if (passing == AMX_PANELS_PASS)                                                                      \
            amx_load_passing(tile, from, (size_t)AMX_ROW_BYTES);                                             \
        else                                                                                                 \
            amx_load(tile, from, (size_t)AMX_ROW_BYTES);                                                     \
    } while (0)

static inline __attribute__((always_inline)) void
amx_multiply(const unsigned char *rows, const unsigned char *more_rows, size_t row_stride,
             const unsigned char *panel, const unsigned char *next_panel, const amx_shape shape,
             const amx_passing passing)
{
    AMX_LOAD_ROWS(4, rows);
    if (shape == AMX_TWO_PANELS) {
        AMX_LOAD_COLUMNS(5, panel);
        AMX_LOAD_COLUMNS(6, panel + AMX_TILE_BYTES);
        AMX_DOT(0, 4, 5);
        AMX_DOT(1, 4, 6);
        AMX_LOAD_COLUMNS(7, next_panel);
        AMX_LOAD_COLUMNS(5, next_panel + AMX_TILE_BYTES);
        AMX_DOT(2, 4, 7);
        AMX_DOT(3, 4, 5);
        return;
    }
    AMX_LOAD_COLUMNS(6, panel);
    AMX_LOAD_COLUMNS(7, panel + AMX_TILE_BYTES);
    AMX_DOT(0, 4, 6);
    AMX_DOT(1, 4, 7);
    if (shape == AMX_TWO_ROW_TILES) {
        AMX_LOAD_ROWS(5, more_rows);
        AMX_DOT(2, 5, 6);
        AMX_DOT(3, 5, 7);
    }
}

/* Tile k of the depth, the tail being the one after the last step. */
static inline __attribute__((always_inline)) void
amx_advance(const amx_block *b, size_t k, const bool tail, const amx_shape shape, const amx_passing passing)
{
    const void *const *rows = tail ? b->tails : b->rows;
    const size_t at = tail ? 0 : k * AMX_ROW_BYTES;
    amx_multiply((const unsigned char *)rows[0] + at, (const unsigned char *)rows[1] + at,
                 tail ? AMX_ROW_BYTES : b->row_stride,
                 (const unsigned char *)b->panels[0] + k * AMX_PANEL_STEP,
                 (const unsigned char *)b->panels[1] + k * AMX_PANEL_STEP, shape, passing);
}

static inline __attribute__((always_inline)) void amx_store_sums(const amx_block *b, const amx_shape shape)
{
    unsigned char *first = b->sums[0], *second = b->sums[1];
    amx_store(0, first, b->sums_stride);
    amx_store(1, first + AMX_ROW_BYTES, b->sums_stride);
    if (shape != AMX_ONE_HALF) {
        amx_store(2, second, b->sums_stride);
        amx_store(3, second + AMX_ROW_BYTES, b->sums_stride);
    }
}

/* The multiplier without loads, for measuring the roof: four sums, as in a block.
 *
 * tiles: two of rows, two of columns; of all kinds of bits, because the multiplier runs faster on zeros. Returns the
 * operations done, two per multiplication of numbers, of which a row of a tile holds `row_numbers`. */
static inline double amx_burst(unsigned char tiles[4][AMX_TILE_BYTES], size_t row_numbers, size_t rounds)
{
    amx_configure_for((amx_cut){.tiles = 2, .height = AMX_ROWS});
    amx_zero_sums(AMX_TWO_ROW_TILES);
    amx_load(4, tiles[0], (size_t)AMX_ROW_BYTES);
    amx_load(5, tiles[1], (size_t)AMX_ROW_BYTES);
    amx_load(6, tiles[2], (size_t)AMX_ROW_BYTES);
    amx_load(7, tiles[3], (size_t)AMX_ROW_BYTES);
    for (size_t i = 0; i < rounds; i++) {
        AMX_DOT(0, 4, 6);
        AMX_DOT(1, 4, 7);
        AMX_DOT(2, 5, 6);
        AMX_DOT(3, 5, 7);
    }
    amx_release();
    return 2.0 * 4 * AMX_ROWS * AMX_ROWS * (double)row_numbers * (double)rounds;
}

#endif
