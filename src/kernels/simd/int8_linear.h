/* Template: matrix products in int8. Include after a tier's vec header, its int8 operations and the header of the number that
 * attention beside it works on.
 *
 * As linear.h: a panel of weights is read once from memory per call and then from the L2 cache for each block of rows, while the
 * next one is asked for. Rows of the result that become int8 themselves wait in the scratch, as f32, until a chunk of them is
 * complete. */
#ifndef KERNELS_SIMD_INT8_LINEAR_H
#define KERNELS_SIMD_INT8_LINEAR_H

#include "base/memory.h"
#include "kernels/int8.h"
#include "kernels/simd/activate.h"
#include "kernels/simd/int8_pack.h"
#include "kernels/simd/int8_quantise.h"
#ifdef INT8_ROW_PAIRS
#include "kernels/simd/int8_pair_tile.h"
#else
#include "kernels/simd/int8_tile.h"
#endif

/* x / 2 (1 + erf(x / sqrt(2))) as x (1/2 + x Q(x^2)), Q of degree 5, with x in the bracket limited to [-3.7, 3.7], where the
 * bracket was made to reach 0 and 1. Error at most 5.0e-4 + 16 u |x|: a fiftieth of what int8 rounds a chunk by whose greatest
 * number is 3. */
static inline vf32 int8_gelu_erf(vf32 x)
{
    vf32 limited = vf_limit(x, 3.7f), y = vf_mul(limited, limited);
    vf32 q = vf_set1(-4.8997087e-07f);
    q = vf_fma(q, y, vf_set1(2.6888662e-05f));
    q = vf_fma(q, y, vf_set1(-0.0006175004f));
    q = vf_fma(q, y, vf_set1(0.0078486893f));
    q = vf_fma(q, y, vf_set1(-0.06258769f));
    q = vf_fma(q, y, vf_set1(0.39647508f));
    return vf_mul(x, vf_max(vf_set1(0.0f), vf_fma(limited, q, vf_set1(0.5f))));
}

static inline __attribute__((always_inline)) vf32 simd_int8_activate(vf32 x,
                                                                     const kernel_activation activation)
{
    return activation == KERNEL_GELU_ERF ? int8_gelu_erf(x) : simd_activate(x, activation);
}

/* Rows of the scratch are one line longer than a chunk, see stride_of in cpu_forward.c. */
#define INT8_SCRATCH_STRIDE (INT8_CHUNK + INT8_LINE / sizeof(float))

static size_t simd_int8_scratch_bytes(size_t rows)
{
    size_t bytes;
    return size_mul(rows, INT8_SCRATCH_STRIDE * sizeof(float), &bytes) ? bytes : 0;
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

/* A tile that was just written and is still in the L1 cache, and where it goes. */
typedef struct int8_finish {
    const float *from; /* [rows][PANEL] */
    size_t from_stride;
    void *to; /* [rows][PANEL]: numbers when narrow, else f32, and then it may be `from` */
    size_t to_stride;
    size_t rows;
} int8_finish;

static inline __attribute__((always_inline)) void int8_finish_as(const int8_finish *f, const bool narrow,
                                                                 const kernel_activation activation)
{
    for (size_t r = 0; r < f->rows; r++)
        for (size_t j = 0; j < PANEL; j += VF_LANES) {
            vf32 x = simd_int8_activate(vf_load(f->from + r * f->from_stride + j), activation);
            if (narrow)
                vf_store_numbers((number *)f->to + r * f->to_stride + j, x);
            else
                vf_store((float *)f->to + r * f->to_stride + j, x);
        }
}

static inline __attribute__((always_inline)) void int8_finish_tile(const int8_finish *f, const bool narrow,
                                                                   kernel_activation activation)
{
    switch (activation) {
    case KERNEL_GELU_ERF:
        int8_finish_as(f, narrow, KERNEL_GELU_ERF);
        break;
    case KERNEL_GELU_TANH:
        int8_finish_as(f, narrow, KERNEL_GELU_TANH);
        break;
    case KERNEL_RELU:
        int8_finish_as(f, narrow, KERNEL_RELU);
        break;
    case KERNEL_SILU:
        int8_finish_as(f, narrow, KERNEL_SILU);
        break;
    case KERNEL_IDENTITY:
        if (narrow || f->from != f->to)
            int8_finish_as(f, narrow, KERNEL_IDENTITY);
        break;
    }
}

static inline void int8_put_output(const int8_product *product, size_t r, size_t j, float x)
{
    if (product->form == INT8_TO_NUMBERS)
        ((number *)product->output)[r * product->output_stride + j] = number_round(x);
    else
        ((float *)product->output)[r * product->output_stride + j] = x;
}

/* The last panel of an output that is not made of whole panels: columns first .. outputs - 1. edge: [rows][PANEL]. */
static void int8_finish_edge(const int8_product *product, size_t row, size_t rows, size_t first, float *edge)
{
    const size_t outputs = product->outputs;
    const int8_finish finish = {edge, PANEL, edge, PANEL, rows};
    int8_finish_tile(&finish, false, product->activation);
    for (size_t r = 0; r < rows; r++) {
        for (size_t j = first; j < outputs; j++)
            int8_put_output(product, row + r, j, edge[r * PANEL + j - first]);
        if (product->form == INT8_TO_NUMBERS && outputs % UNIT_NUMBERS != 0)
            int8_put_output(product, row + r, outputs, 0.0f);
    }
}

/* The chunk of the output that ends before column `end` and is complete in the scratch. */
static void int8_finish_chunk(const int8_product *product, size_t end)
{
    const size_t first = (end - 1) / INT8_CHUNK * INT8_CHUNK;
    int8_quantisation q = {
        .rows = product->rows,
        .columns = end - first,
        .number = KERNEL_F32,
        .from = product->scratch,
        .from_stride = INT8_SCRATCH_STRIDE,
        .to = product->output_int8,
    };
    q.to.values += first;
    q.to.scales += first / INT8_CHUNK;
    simd_quantise(&q);
}

/* Rows `row` on of the panel that begins at output `first`. */
static void int8_multiply_block(const int8_product *product, int8_tile *t, size_t row, size_t rows,
                                size_t first)
{
    _Alignas(KERNEL_ALIGNMENT) float edge[INT8_TILE_ROWS * PANEL];
    const bool whole = product->outputs - first >= PANEL;
    const size_t at = row * product->output_stride + first;
    t->a = product->input.values + row * product->input.stride;
    t->scales = product->input.scales + row * product->input.scale_stride;
    t->c = edge;
    t->c_stride = PANEL;
    if (product->form == INT8_TO_INT8) {
        t->c = (float *)product->scratch + row * INT8_SCRATCH_STRIDE + first % INT8_CHUNK;
        t->c_stride = INT8_SCRATCH_STRIDE;
    } else if (product->form == INT8_TO_F32 && whole) {
        t->c = (float *)product->output + at;
        t->c_stride = product->output_stride;
    }
    int8_tile_run(t, rows);
    int8_finish finish = {t->c, t->c_stride, t->c, t->c_stride, rows};
    if (t->c != edge) {
        int8_finish_tile(&finish, false, product->activation);
    } else if (whole) {
        finish.to = (number *)product->output + at;
        finish.to_stride = product->output_stride;
        int8_finish_tile(&finish, true, product->activation);
    } else {
        int8_finish_edge(product, row, rows, first, edge);
    }
}

static void simd_int8_multiply(const int8_product *product)
{
    const size_t units = (product->inputs + INT8_UNIT - 1) / INT8_UNIT;
    const size_t panel_bytes = simd_int8_panel_bytes(product->inputs);
    const size_t blocks = (product->rows + INT8_TILE_ROWS - 1) / INT8_TILE_ROWS;
    const unsigned char *panel = product->weights;
    for (size_t first = 0; first < product->outputs; first += PANEL) {
        /* What to ask for: see simd_multiply. */
        const unsigned char *next = panel + panel_bytes, *beyond = next + units * INT8_AHEAD;
        for (size_t b = 0; b < blocks; b++) {
            const size_t row = product->rows * b / blocks;
            int8_tile t = {
                .inputs = product->inputs,
                .a_stride = product->input.stride,
                .scale_stride = product->input.scale_stride,
                .panel = panel,
                .ahead = {b % 2 == 0 ? next : beyond, b % 2 == 1 || blocks == 1 ? beyond : next},
            };
            int8_multiply_block(product, &t, row, product->rows * (b + 1) / blocks - row, first);
        }
        const size_t end = first + PANEL < product->outputs ? first + PANEL : product->outputs;
        if (product->form == INT8_TO_INT8 && (end % INT8_CHUNK == 0 || end == product->outputs))
            int8_finish_chunk(product, end);
        panel = next;
    }
}

/* The tile's step in registers, see simd_burst. */
static double simd_int8_burst(size_t rounds)
{
    volatile int32_t unknown = 0x01020304, sink;
    const int32_t pattern = unknown;
    vi32 a = vi_set1_unit((const unsigned char *)&pattern);
    const vi32 b = a;
    vi32 sums[INT8_TILE_ROWS * 2];
    SIMD_UNROLL
    for (size_t j = 0; j < INT8_TILE_ROWS * 2; j++)
        sums[j] = vi_magnitude(vf_set1((float)(j + 1)));
    for (size_t i = 0; i < rounds; i++) {
        SIMD_UNROLL
        for (size_t j = 0; j < INT8_TILE_ROWS * 2; j++) {
            VI_HIDE(a); /* else a product that takes several instructions would be computed once */
            sums[j] = vi_dot(sums[j], a, b);
        }
    }
    SIMD_UNROLL
    for (size_t j = 1; j < INT8_TILE_ROWS * 2; j++)
        sums[0] = vi_max(sums[0], sums[j]);
    sink = (int32_t)vi_greatest(sums[0]);
    (void)sink;
    return 2.0 * INT8_UNIT * VF_LANES * INT8_TILE_ROWS * 2 * (double)rounds;
}

#endif
