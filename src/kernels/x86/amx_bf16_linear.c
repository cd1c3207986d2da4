/* Products of bf16 by matrix tiles.
 *
 * Packed: panels of AMX_PANEL outputs, each [AMX_PANEL] f32 of bias and per 32 inputs two tiles, whose rows are pairs of inputs
 * and whose columns are outputs; missing outputs and inputs zero.
 *
 * For each panel all rows pass by, two tiles of them at a time, while the panel stays in the L1 cache; a depth of more than
 * STEPS_MOST tiles is taken in chunks for that, with sums kept in f32 between them. Up to 16 rows take two panels at a time,
 * and there it is the panels that pass. Nothing is asked for ahead: on the CPUs that have tiles this was measured to cost
 * more than it gains.
 *
 * The vector units finish a block (activation, rounding, storing) while the tiles multiply the next one: a few rows of it after
 * each step. */
#include "kernels/x86/x86.h"

#include <string.h>

#include "base/memory.h"
#include "kernels/x86/avx512_bf16_vec.h"

#include "kernels/simd/bf16.h"

#include "kernels/simd/activate.h"

#define AMX_DOT amx_dot_bf16
#include "kernels/x86/amx_block.h"
#include "kernels/x86/amx_put.h"

#define TILE_NUMBERS (AMX_ROW_BYTES / sizeof(number)) /* of the depth */
#define STEPS_MOST 12                                 /* a panel of so many takes half of a 48 KiB cache */
#define GROUP_TILES 16                                /* rows whose sums are kept between chunks, in tiles */
#define HALF_SUMS (AMX_ROWS * AMX_PANEL)

static size_t tiles_of(size_t inputs)
{
    return inputs / TILE_NUMBERS + (inputs % TILE_NUMBERS != 0);
}

static size_t panel_bytes(size_t inputs)
{
    return AMX_PANEL * sizeof(float) + tiles_of(inputs) * AMX_PANEL_STEP;
}

size_t amx_bf16_packed_bytes(size_t outputs, size_t inputs)
{
    size_t bytes, panels = outputs / AMX_PANEL + (outputs % AMX_PANEL != 0);
    if (!size_mul(tiles_of(inputs), AMX_PANEL_STEP, &bytes) ||
        !size_add(bytes, AMX_PANEL * sizeof(float), &bytes) || !size_mul(bytes, panels, &bytes))
        return 0;
    return bytes;
}

void amx_bf16_pack(void *packed, size_t outputs, size_t inputs, size_t first, size_t count,
                   const float *weights, const float *bias)
{
    (void)outputs;
    /* Per tile: inputs outside, outputs inside, so that the many writes are in order and the reads strided. */
    for (size_t done = 0; done < count;) {
        const size_t column = (first + done) % AMX_PANEL, in_tile = column % AMX_ROWS;
        const size_t room = AMX_ROWS - in_tile, columns = room < count - done ? room : count - done;
        unsigned char *panel = (unsigned char *)packed + (first + done) / AMX_PANEL * panel_bytes(inputs);
        number *tile = (number *)(panel + AMX_PANEL * sizeof(float) + column / AMX_ROWS * AMX_TILE_BYTES);
        const float *from = weights + done * inputs;
        memcpy(panel + column * sizeof(float), bias + done, columns * sizeof(float));
        for (size_t k = 0; k < inputs; k++) {
            number *row = tile + k / TILE_NUMBERS * (AMX_PANEL_STEP / sizeof(number)) +
                          k % TILE_NUMBERS / 2 * TILE_NUMBERS;
            for (size_t j = 0; j < columns; j++)
                row[2 * (in_tile + j) + k % 2] = number_round(from[j * inputs + k]);
        }
        done += columns;
    }
}

/* A block's sums on their way to the output: rows 0 .. height - 1 are those of the first half, the rest of the second. */
typedef struct finish {
    const float *sums[2]; /* [height][AMX_PANEL] */
    unsigned char *to[2];
    size_t columns[2]; /* of the output */
    size_t to_stride;  /* in bytes */
    size_t height, rows;
    bool narrow;
} finish;

static inline __attribute__((always_inline)) void finish_rows(const finish *f, size_t first, size_t end,
                                                              const kernel_activation activation)
{
    for (size_t r = first; r < end; r++) {
        const size_t half = r >= f->height, row = half ? r - f->height : r;
        const float *from = f->sums[half] + row * AMX_PANEL;
        const vf32 low = simd_activate(vf_load(from), activation);
        const vf32 high = simd_activate(vf_load(from + VF_LANES), activation);
        amx_put_row(f->to[half] + row * f->to_stride, f->columns[half], f->narrow, low, high);
    }
}

static inline __attribute__((always_inline)) void run_block(const amx_block *block, const finish *before,
                                                            const amx_shape shape, const amx_passing passing,
                                                            const kernel_activation activation)
{
    const amx_block b = *block;
    const finish f = *before;
    const bool tail = b.tails[0] != NULL;
    const size_t rows_per_step = (f.rows + b.steps + tail - 1) / (b.steps + tail);
    size_t done = 0;
    amx_start(&b, shape);
    for (size_t k = 0; k < b.steps; k++) {
        const size_t end = done + rows_per_step < f.rows ? done + rows_per_step : f.rows;
        amx_advance(&b, k, false, shape, passing);
        finish_rows(&f, done, end, activation);
        done = end;
    }
    if (tail)
        amx_advance(&b, b.steps, true, shape, passing);
    finish_rows(&f, done, f.rows, activation);
    amx_store_sums(&b, shape);
}

#include "kernels/x86/amx_variants.h"

/* What a call works with. Blocks take the two finishes in turn, one of which is that of the block before, whose sums are not
 * finished yet; the first has no rows. They are built where they are read: a copy by vectors of what was just written by
 * words would wait until the words are in the cache. */
typedef struct work {
    const kernel_product *product;
    const variants *run;
    amx_cut cut;
    finish finishes[2];
    size_t blocks;
    size_t tile_count; /* of the depth */
    _Alignas(KERNEL_ALIGNMENT) float sums[GROUP_TILES / 2][2][HALF_SUMS];
    /* The last inputs of each row where they are no whole tile, filled up with zeros. */
    _Alignas(KERNEL_ALIGNMENT) number tails[GROUP_TILES][AMX_ROWS][TILE_NUMBERS];
} work;

static const number *row_of(const work *w, size_t tile)
{
    const kernel_product *p = w->product;
    return (const number *)p->input + amx_first_row(w->cut, p->rows, tile) * p->input_stride;
}

static void copy_tails(work *w, size_t first_tile, size_t tiles)
{
    const kernel_product *p = w->product;
    const size_t rest = p->inputs % TILE_NUMBERS, whole = p->inputs - rest;
    for (size_t t = 0; t < tiles; t++)
        for (size_t r = 0; r < w->cut.height; r++) {
            number *to = w->tails[t][r];
            memset(to, 0, AMX_ROW_BYTES);
            memcpy(to, row_of(w, first_tile + t) + r * p->input_stride + whole, rest * sizeof *to);
        }
}

/* Steps first .. end - 1 of the depth, of `count` halves: tiles of rows from `tile` on (`in_group` counts from the group's first)
 * by a panel, or one tile by `count` panels. Sums begin with the bias or with what is in `sums`, where they are left. */
static void run_steps(work *w, size_t tile, size_t in_group, size_t panel, size_t count, size_t first,
                      size_t end, float (*sums)[HALF_SUMS])
{
    const kernel_product *p = w->product;
    const bool one_tile = w->cut.tiles == 1, last = end == w->tile_count;
    const bool tail = last && p->inputs % TILE_NUMBERS != 0;
    const size_t stride = panel_bytes(p->inputs), sums_stride = AMX_PANEL * sizeof(float);
    const size_t output_size = p->narrow_output ? sizeof(number) : sizeof(float);
    amx_block b = {
        .steps = end - first - tail,
        .row_stride = p->input_stride * sizeof(number),
        .start_stride = first == 0 ? 0 : sums_stride,
        .sums_stride = sums_stride,
    };
    const finish *before = &w->finishes[w->blocks++ % 2];
    finish *after = &w->finishes[w->blocks % 2];
    *after = (finish){
        .to_stride = p->output_stride * output_size,
        .height = w->cut.height,
        .rows = last ? count * w->cut.height : 0,
        .narrow = p->narrow_output,
    };
    for (size_t h = 0; h < 2; h++) {
        const size_t part = h < count ? h : 0; /* a half that is not there has the addresses of the first */
        const size_t row_tile = one_tile ? 0 : tile + part;
        const size_t column = (one_tile ? panel + part : panel) * AMX_PANEL;
        const unsigned char *from = (const unsigned char *)p->weights + column / AMX_PANEL * stride;
        b.rows[h] = row_of(w, row_tile) + first * TILE_NUMBERS;
        b.tails[h] = tail ? w->tails[one_tile ? 0 : in_group + part] : NULL;
        b.panels[h] = from + AMX_PANEL * sizeof(float) + first * AMX_PANEL_STEP;
        b.start[h] = first == 0 ? (const void *)from : sums[h];
        b.sums[h] = sums[h];
        after->sums[h] = sums[h];
        after->to[h] = (unsigned char *)p->output +
                       (amx_first_row(w->cut, p->rows, row_tile) * p->output_stride + column) * output_size;
        after->columns[h] = p->outputs - column < AMX_PANEL ? p->outputs - column : AMX_PANEL;
    }
    if (one_tile)
        (count == 2 ? w->run->two_panels : w->run->one_panel)(&b, before);
    else
        (w->cut.tiles > 2 ? w->run->rows_pass : w->run->panels_pass)(&b, before);
}

/* The tiles of rows first_tile .. first_tile + tiles - 1 by all panels. */
static void multiply_group(work *w, size_t first_tile, size_t tiles)
{
    const size_t panels = (w->product->outputs - 1) / AMX_PANEL + 1, depth = w->tile_count;
    const size_t at_once = w->cut.tiles == 1 ? 2 : 1, pairs = (tiles + 1) / 2;
    /* A panel that passes is read once and needs no room. */
    const size_t chunks = w->cut.tiles > 2 ? (depth - 1) / STEPS_MOST + 1 : 1;
    size_t turn = 0;
    if (w->product->inputs % TILE_NUMBERS != 0)
        copy_tails(w, first_tile, tiles);
    for (size_t panel = 0; panel < panels; panel += at_once) {
        const size_t wide = panels - panel < at_once ? panels - panel : at_once;
        for (size_t c = 0; c < chunks; c++)
            for (size_t i = 0; i < pairs; i++) {
                /* Sums live from chunk to chunk, or until the next block has finished them. */
                const size_t slot = chunks > 1 ? i : turn++ % 2;
                run_steps(w, first_tile + 2 * i, 2 * i, panel, at_once == 2 ? wide : 2, depth * c / chunks,
                          depth * (c + 1) / chunks, w->sums[slot]);
            }
    }
}

void amx_bf16_multiply(const kernel_product *product)
{
    if (product->rows == 0)
        return;
    work w;
    w.product = product;
    w.run = variants_of(product->activation);
    w.cut = amx_cut_rows(product->rows);
    w.tile_count = tiles_of(product->inputs);
    w.finishes[0] = (finish){0};
    w.blocks = 0;
    amx_configure_for(w.cut);
    for (size_t tile = 0; tile < w.cut.tiles; tile += GROUP_TILES)
        multiply_group(&w, tile, w.cut.tiles - tile < GROUP_TILES ? w.cut.tiles - tile : GROUP_TILES);
    w.run->finish_last(&w.finishes[w.blocks % 2]);
    amx_release();
}
