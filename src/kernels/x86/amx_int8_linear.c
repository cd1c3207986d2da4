/* Products of int8 by matrix tiles; int8.h says what they are, amx_bf16_linear.c how such products are laid out and why.
 *
 * Packed: panels of AMX_PANEL outputs, each [AMX_PANEL] f32 of bias, as many of scales, and per 64 inputs two tiles, whose rows
 * are groups of four inputs and whose columns are outputs; missing outputs and inputs zero.
 *
 * A row has one scale per INT8_CHUNK inputs, so the depth is taken in such chunks whatever the number of rows: exact sums of a
 * chunk, times the row's scale, are added up in f32, and the last chunk's finish makes the output of them. Rows that are to
 * be int8 again need all of INT8_CHUNK outputs first and wait for them in the scratch. */
#include "kernels/x86/x86.h"

#include "base/memory.h"
#include "kernels/x86/avx512_bf16_vec.h"

#include "kernels/simd/bf16.h"

#include "kernels/simd/activate.h"

#define AMX_DOT amx_dot_int8
#include "kernels/x86/amx_block.h"
#include "kernels/x86/amx_put.h"

#define TILE_NUMBERS AMX_ROW_BYTES /* of the depth */
#define CHUNK_STEPS (INT8_CHUNK / TILE_NUMBERS)
#define GROUP_TILES 16 /* rows whose sums are kept between chunks, in tiles */
#define GROUP_ROWS (GROUP_TILES * AMX_ROWS)
#define HALF_SUMS (AMX_ROWS * AMX_PANEL)
#define HEAD_BYTES (2 * AMX_PANEL * sizeof(float)) /* of a panel: bias, scales */

static size_t tiles_of(size_t inputs)
{
    return inputs / TILE_NUMBERS + (inputs % TILE_NUMBERS != 0);
}

static size_t panel_bytes(size_t inputs)
{
    return HEAD_BYTES + tiles_of(inputs) * AMX_PANEL_STEP;
}

size_t amx_int8_packed_bytes(size_t outputs, size_t inputs)
{
    size_t bytes, panels = outputs / AMX_PANEL + (outputs % AMX_PANEL != 0);
    if (!size_mul(tiles_of(inputs), AMX_PANEL_STEP, &bytes) || !size_add(bytes, HEAD_BYTES, &bytes) ||
        !size_mul(bytes, panels, &bytes))
        return 0;
    return bytes;
}

void amx_int8_pack(void *packed, size_t outputs, size_t inputs, size_t first, size_t count,
                   const float *weights, const float *bias)
{
    (void)outputs;
    for (size_t i = 0; i < count; i++) {
        const size_t column = (first + i) % AMX_PANEL;
        unsigned char *panel = (unsigned char *)packed + (first + i) / AMX_PANEL * panel_bytes(inputs);
        signed char *tile = (signed char *)panel + HEAD_BYTES + column / AMX_ROWS * AMX_TILE_BYTES;
        const float *from = weights + i * inputs;
        uint32_t greatest = 0;
        float inverse;
        for (size_t k = 0; k < inputs; k++)
            greatest = greatest > int8_magnitude(from[k]) ? greatest : int8_magnitude(from[k]);
        ((float *)panel)[column] = bias[i];
        ((float *)panel)[AMX_PANEL + column] = int8_scale(greatest, &inverse);
        for (size_t k = 0; k < inputs && inverse != 0.0f; k++)
            tile[k / TILE_NUMBERS * AMX_PANEL_STEP + k % TILE_NUMBERS / 4 * AMX_ROW_BYTES +
                 4 * (column % AMX_ROWS) + k % 4] = (signed char)int8_round(from[k], inverse);
    }
}

size_t amx_int8_scratch_bytes(size_t rows)
{
    return (rows < GROUP_ROWS ? rows : GROUP_ROWS) * INT8_CHUNK * sizeof(float);
}

/* A block's sums of one chunk on their way: rows 0 .. height - 1 are those of the first half, the rest of the second. */
typedef struct finish {
    const int32_t *sums[2]; /* [height][AMX_PANEL] */
    const float *scales[2]; /* of the rows in this chunk, scale_stride apart */
    float *partial[2];      /* [height][AMX_PANEL]: the chunks before, and what this one makes of it */
    const float *panel[2];  /* [AMX_PANEL] bias, [AMX_PANEL] scales */
    unsigned char *to[2];
    size_t columns[2];              /* of the output */
    size_t scale_stride, to_stride; /* the latter in bytes */
    size_t height, rows;
    bool first, last, narrow;
} finish;

static inline __attribute__((always_inline)) void finish_rows(const finish *f, size_t first, size_t end,
                                                              const kernel_activation activation)
{
    for (size_t r = first; r < end; r++) {
        const size_t half = r >= f->height, row = half ? r - f->height : r;
        const int32_t *sums = f->sums[half] + row * AMX_PANEL;
        float *partial = f->partial[half] + row * AMX_PANEL;
        const vf32 scale = vf_set1(f->scales[half][row * f->scale_stride]);
        vf32 low = _mm512_cvtepi32_ps(_mm512_load_si512(sums));
        vf32 high = _mm512_cvtepi32_ps(_mm512_load_si512(sums + VF_LANES));
        if (f->first) {
            low = vf_mul(low, scale);
            high = vf_mul(high, scale);
        } else {
            low = vf_fma(low, scale, vf_load(partial));
            high = vf_fma(high, scale, vf_load(partial + VF_LANES));
        }
        if (!f->last) {
            vf_store(partial, low);
            vf_store(partial + VF_LANES, high);
            continue;
        }
        const float *bias = f->panel[half], *scales = bias + AMX_PANEL;
        low = simd_activate(vf_fma(low, vf_load(scales), vf_load(bias)), activation);
        high = simd_activate(vf_fma(high, vf_load(scales + VF_LANES), vf_load(bias + VF_LANES)), activation);
        amx_put_row(f->to[half] + row * f->to_stride, f->columns[half], f->narrow, low, high);
    }
}

static inline __attribute__((always_inline)) void run_block(const amx_block *block, const finish *before,
                                                            const amx_shape shape, const amx_passing passing,
                                                            const kernel_activation activation)
{
    const amx_block b = *block;
    const finish f = *before;
    const size_t rows_per_step = (f.rows + b.steps - 1) / b.steps;
    size_t done = 0;
    amx_zero_sums(shape);
    for (size_t k = 0; k < b.steps; k++) {
        const size_t end = done + rows_per_step < f.rows ? done + rows_per_step : f.rows;
        amx_advance(&b, k, false, shape, passing);
        finish_rows(&f, done, end, activation);
        done = end;
    }
    amx_store_sums(&b, shape);
}

#include "kernels/x86/amx_variants.h"

/* What a call works with. Blocks take the two finishes in turn, as amx_bf16_linear.c says, and the two sums. */
typedef struct work {
    const int8_product *product;
    const variants *run;
    amx_cut cut;
    finish finishes[2];
    size_t group_row, blocks; /* the group's first row; how many blocks there were */
    _Alignas(KERNEL_ALIGNMENT) int32_t sums[2][2][HALF_SUMS];
    _Alignas(KERNEL_ALIGNMENT) float partial[GROUP_TILES / 2][2][HALF_SUMS];
} work;

/* Where the output of a row begins to be that of `column`. */
static unsigned char *output_of(const work *w, size_t row, size_t column)
{
    const int8_product *p = w->product;
    if (p->form == INT8_TO_INT8)
        return (unsigned char *)p->scratch +
               ((row - w->group_row) * INT8_CHUNK + column % INT8_CHUNK) * sizeof(float);
    const size_t size = p->form == INT8_TO_NUMBERS ? sizeof(number) : sizeof(float);
    return (unsigned char *)p->output + (row * p->output_stride + column) * size;
}

static size_t output_stride_bytes(const int8_product *p)
{
    return p->form == INT8_TO_INT8      ? INT8_CHUNK * sizeof(float)
           : p->form == INT8_TO_NUMBERS ? p->output_stride * sizeof(number)
                                        : p->output_stride * sizeof(float);
}

/* One chunk of the depth, of `count` halves: tiles of rows from `tile` on by a panel, or one tile by `count` panels. */
static void run_chunk(work *w, size_t tile, size_t pair, size_t panel, size_t count, size_t chunk)
{
    const int8_product *p = w->product;
    const bool one_tile = w->cut.tiles == 1;
    const size_t first = chunk * CHUNK_STEPS, left = tiles_of(p->inputs) - first;
    const finish *before = &w->finishes[w->blocks % 2];
    int32_t(*sums)[HALF_SUMS] = w->sums[w->blocks++ % 2];
    finish *after = &w->finishes[w->blocks % 2];
    amx_block b = {
        .steps = left < CHUNK_STEPS ? left : CHUNK_STEPS,
        .row_stride = p->input.stride,
        .sums_stride = AMX_PANEL * sizeof(int32_t),
    };
    *after = (finish){
        .scale_stride = p->input.scale_stride,
        .to_stride = output_stride_bytes(p),
        .height = w->cut.height,
        .rows = count * w->cut.height,
        .first = chunk == 0,
        .last = left <= CHUNK_STEPS,
        .narrow = p->form == INT8_TO_NUMBERS,
    };
    for (size_t h = 0; h < 2; h++) {
        const size_t part = h < count ? h : 0; /* a half that is not there has the addresses of the first */
        const size_t row = amx_first_row(w->cut, p->rows, one_tile ? 0 : tile + part);
        const size_t column = (one_tile ? panel + part : panel) * AMX_PANEL;
        const unsigned char *from =
            (const unsigned char *)p->weights + column / AMX_PANEL * panel_bytes(p->inputs);
        b.rows[h] = p->input.values + row * p->input.stride + first * TILE_NUMBERS;
        b.panels[h] = from + HEAD_BYTES + first * AMX_PANEL_STEP;
        b.sums[h] = sums[part];
        after->sums[h] = sums[part];
        after->scales[h] = p->input.scales + row * p->input.scale_stride + chunk;
        after->partial[h] = w->partial[pair][part];
        after->panel[h] = (const float *)from;
        after->to[h] = output_of(w, row, column);
        after->columns[h] = p->outputs - column < AMX_PANEL ? p->outputs - column : AMX_PANEL;
    }
    if (one_tile)
        (count == 2 ? w->run->two_panels : w->run->one_panel)(&b, before);
    else
        (w->cut.tiles > 2 ? w->run->rows_pass : w->run->panels_pass)(&b, before);
}

static void finish_last(work *w)
{
    finish *last = &w->finishes[w->blocks % 2];
    w->run->finish_last(last);
    *last = (finish){0};
}

/* The `rows` rows of the group whose outputs first .. end - 1, a chunk of them, stand in the scratch. */
static void quantise_scratch(work *w, size_t rows, size_t first, size_t end)
{
    const int8_product *p = w->product;
    int8_quantisation q = {
        .rows = rows,
        .columns = end - first,
        .number = KERNEL_F32,
        .from = p->scratch,
        .from_stride = INT8_CHUNK,
        .to = p->output_int8,
    };
    finish_last(w);
    q.to.values += w->group_row * q.to.stride + first;
    q.to.scales += w->group_row * q.to.scale_stride + first / INT8_CHUNK;
    amx_int8_quantise(&q);
}

/* The tiles of rows first_tile .. first_tile + tiles - 1 by all panels. */
static void multiply_group(work *w, size_t first_tile, size_t tiles)
{
    const int8_product *p = w->product;
    const size_t panels = (p->outputs - 1) / AMX_PANEL + 1, chunks = int8_chunks(p->inputs);
    const size_t at_once = w->cut.tiles == 1 ? 2 : 1, pairs = (tiles + 1) / 2;
    w->group_row = amx_first_row(w->cut, p->rows, first_tile);
    const size_t rows = amx_first_row(w->cut, p->rows, first_tile + tiles - 1) + w->cut.height - w->group_row;
    for (size_t panel = 0; panel < panels; panel += at_once) {
        const size_t wide = panels - panel < at_once ? panels - panel : at_once;
        for (size_t c = 0; c < chunks; c++)
            for (size_t i = 0; i < pairs; i++)
                run_chunk(w, first_tile + 2 * i, i, panel, at_once == 2 ? wide : 2, c);
        const size_t end = (panel + wide) * AMX_PANEL;
        if (p->form == INT8_TO_INT8 && (end % INT8_CHUNK == 0 || end >= p->outputs))
            quantise_scratch(w, rows, (end - 1) / INT8_CHUNK * INT8_CHUNK,
                             end < p->outputs ? end : p->outputs);
    }
}

void amx_int8_multiply(const int8_product *product)
{
    if (product->rows == 0)
        return;
    work w;
    w.product = product;
    w.run = variants_of(product->activation);
    w.cut = amx_cut_rows(product->rows);
    w.blocks = 0;
    w.finishes[0] = (finish){0};
    amx_configure_for(w.cut);
    for (size_t tile = 0; tile < w.cut.tiles; tile += GROUP_TILES)
        multiply_group(&w, tile, w.cut.tiles - tile < GROUP_TILES ? w.cut.tiles - tile : GROUP_TILES);
    finish_last(&w);
    amx_release();
}
