/* The emulation of matrix tiles by hand-worked cases, that the kernels give the tiles back, and, on a CPU that has
 * tiles, the kernels of the emulation against those of the CPU, bit by bit. */
#include "check.h"

#include "kernels/int8.h"

#include <kernels/x86/amx_tile.h>

static const kernel_precision *emulated_bf16(void)
{
    return CHECK_TIERS()[0]->bf16;
}

static const kernel_int8 *emulated_int8(void)
{
    return CHECK_TIERS()[0]->int8;
}

/* ---- the emulation ------------------------------------------------------------------------------------- */

static void configure(size_t rows)
{
    amx_config config = {.palette = 1};
    for (size_t t = 0; t < 8; t++) {
        config.row_bytes[t] = AMX_ROW_BYTES;
        config.rows[t] = (uint8_t)(t < 2 ? rows : AMX_ROWS); /* 0: sums, 1: left, 2: right */
    }
    amx_configure(&config);
}

/* One row by one column: start + the products of `left` and `right`, as pairs. */
static float dot(float start, const float left[32], const float right[32])
{
    uint16_t row[32], columns[AMX_ROWS][32] = {{0}};
    float sums[16] = {start};
    for (size_t i = 0; i < 32; i++) {
        row[i] = bf16_round(left[i]);
        columns[i / 2][i % 2] = bf16_round(right[i]);
    }
    configure(1);
    amx_load(0, sums, 0);
    amx_load(1, row, 0);
    amx_load(2, columns, AMX_ROW_BYTES);
    amx_dot_bf16(0, 1, 2);
    amx_store(0, sums, 0);
    amx_release();
    for (size_t n = 1; n < 16; n++)
        assert_true(sums[n] == 0.0f);
    return sums[0];
}

static void sums_even_and_odd_products_apart(void **state)
{
    (void)state;
    float ones[32], left[32] = {0.0f};
    for (size_t i = 0; i < 32; i++)
        ones[i] = 1.0f;
    assert_true(dot(5.0f, ones, ones) == 37.0f);
    /* In one chain 2^24 + 1 would round down to 2^24 and its opposite leave nothing; apart, the 1 survives. */
    left[0] = 0x1p24f;
    left[1] = 1.0f;
    left[2] = -0x1p24f;
    assert_true(dot(0.0f, left, ones) == 1.0f);
    /* In one of the two chains alone: it is lost. */
    left[1] = 0.0f;
    left[2] = 1.0f;
    left[4] = -0x1p24f;
    assert_true(dot(0.0f, left, ones) == 0.0f);
    /* Sums begin at zero, not with what they are added to: 2^24 is there at the end only. */
    left[0] = left[4] = 1.0f;
    assert_true(dot(0x1p24f, left, ones) == 0x1p24f + 4.0f); /* 3 more is a tie */
}

static void rounds_to_even_and_flushes_denormals(void **state)
{
    (void)state;
    float left[32] = {0x1p24f, 0.0f, 1.0f}, ones[32];
    for (size_t i = 0; i < 32; i++)
        ones[i] = 1.0f;
    assert_true(dot(0.0f, left, ones) == 0x1p24f);
    left[2] = 3.0f;
    assert_true(dot(0.0f, left, ones) == 0x1p24f + 4.0f);
    const float tiny[32] = {0x1p-70f}, tiny_too[32] = {0x1p-70f}, small[32] = {0x1p-63f};
    assert_true(dot(0.0f, tiny, tiny_too) == 0.0f);      /* 2^-140 */
    assert_true(dot(0.0f, small, small) == 0x1p-126f);   /* the least that stays */
    assert_true(dot(0x1p-130f, tiny, tiny_too) == 0.0f); /* what was there before counts as zero too */
    const float infinite[32] = {INFINITY}, zeros[32] = {0.0f};
    assert_true(isnan(dot(0.0f, zeros, infinite)));
}

static void multiplies_signed_bytes(void **state)
{
    (void)state;
    int8_t left[AMX_ROWS][AMX_ROW_BYTES], right[AMX_ROWS][AMX_ROW_BYTES];
    int32_t sums[AMX_ROWS][16];
    for (size_t i = 0; i < AMX_ROWS; i++)
        for (size_t j = 0; j < AMX_ROW_BYTES; j++) {
            left[i][j] = (int8_t)check_below(256);
            right[i][j] = (int8_t)check_below(256);
        }
    configure(13);
    amx_zero(0);
    amx_load(1, left, AMX_ROW_BYTES);
    amx_load(2, right, AMX_ROW_BYTES);
    amx_dot_int8(0, 1, 2);
    memset(sums, 0x55, sizeof sums);
    amx_store(0, sums, sizeof sums[0]);
    amx_release();
    for (size_t m = 0; m < AMX_ROWS; m++)
        for (size_t n = 0; n < 16; n++) {
            int32_t sum = 0;
            for (size_t k = 0; k < AMX_ROW_BYTES; k++)
                sum += left[m][k] * right[k / 4][4 * n + k % 4];
            assert_int_equal(sums[m][n], m < 13 ? sum : 0x55555555);
        }
}

/* ---- the kernels --------------------------------------------------------------------------------------- */

typedef struct product_case {
    kernel_product product;
    void *input, *packed, *output;
    size_t packed_bytes, output_bytes;
} product_case;

/* Data from `seed` alone. */
static product_case multiply(const kernel_precision *precision, uint64_t seed)
{
    check_state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    const size_t rows = 1 + check_below(70) + (seed % 8 == 0 ? 400 : 0), inputs = 1 + check_below(500);
    const size_t outputs = 1 + check_below(130);
    const size_t input_stride = check_stride(precision, inputs),
                 output_stride = check_stride(precision, outputs);
    product_case c = {.packed_bytes = precision->packed_bytes(outputs, inputs)};
    float *values = check_floats(check_extent(rows, inputs, input_stride), CHECK_USUAL);
    float *weights = check_floats(inputs * outputs, CHECK_USUAL), *bias = check_floats(outputs, CHECK_USUAL);
    c.packed = mem_alloc_aligned(c.packed_bytes, 1);
    assert_non_null(c.packed);
    memset(c.packed, 0, c.packed_bytes);
    precision->pack(c.packed, outputs, inputs, 0, outputs, weights, bias);
    c.input = check_numbers_of(precision, values, rows, inputs, input_stride);
    c.output_bytes = check_numbers(precision, rows, outputs, output_stride) * check_number_size(precision);
    c.output = check_untouched_numbers(precision, c.output_bytes / check_number_size(precision));
    c.product = (kernel_product){.rows = rows,
                                 .inputs = inputs,
                                 .outputs = outputs,
                                 .input = c.input,
                                 .input_stride = input_stride,
                                 .weights = c.packed,
                                 .output = c.output,
                                 .output_stride = output_stride,
                                 .activation = (kernel_activation)(seed % 4),
                                 .narrow_output = true};
    precision->multiply(&c.product);
    mem_free(values);
    mem_free(weights);
    mem_free(bias);
    return c;
}

static void free_product(product_case *c)
{
    mem_free(c->input);
    mem_free(c->packed);
    mem_free(c->output);
}

/* Freed by mem_free. */
static uint16_t *attend(const kernel_precision *precision, uint64_t seed, size_t *numbers)
{
    check_state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    const size_t tokens = 1 + check_below(150), heads = 1 + check_below(3), size = 2 * (1 + check_below(40));
    const size_t hidden = heads * size;
    float *values = check_floats(tokens * 3 * hidden, CHECK_USUAL);
    void *qkv = check_numbers_of(precision, values, tokens, 3 * hidden, 3 * hidden);
    void *scratch = mem_alloc_aligned(precision->attention_scratch_bytes(tokens, size), 1);
    assert_non_null(scratch);
    *numbers = tokens * hidden;
    uint16_t *output = check_untouched_numbers(precision, *numbers);
    precision->attention(&(kernel_attention){.tokens = tokens,
                                             .heads = heads,
                                             .head_size = size,
                                             .head_count = heads,
                                             .qkv = qkv,
                                             .qkv_stride = 3 * hidden,
                                             .output = output,
                                             .output_stride = hidden,
                                             .scratch = scratch});
    mem_free(scratch);
    mem_free(qkv);
    mem_free(values);
    return output;
}

/* Rows of int8 that a product of random rows and weights gives; owned by the caller, freed by free_rows. */
static int8_rows multiply_int8(const kernel_int8 *int8, uint64_t seed, size_t *bytes, size_t *scales)
{
    check_state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    const size_t rows = 1 + check_below(70) + (seed % 8 == 0 ? 400 : 0), inputs = 1 + check_below(900);
    const size_t outputs = 1 + check_below(500);
    int8_rows from = {.stride = (inputs + 63) / 64 * 64, .scale_stride = int8_chunks(inputs)};
    int8_rows to = {.stride = (outputs + 63) / 64 * 64, .scale_stride = int8_chunks(outputs)};
    float *values = check_floats(rows * inputs, CHECK_USUAL);
    float *weights = check_floats(inputs * outputs, CHECK_USUAL), *bias = check_floats(outputs, CHECK_USUAL);
    void *packed = mem_alloc_aligned(int8->packed_bytes(outputs, inputs), 1);
    void *scratch = mem_alloc_aligned(int8->scratch_bytes(rows), 1);
    from.values = mem_alloc_aligned(rows, from.stride);
    from.scales = check_untouched(rows * from.scale_stride);
    *bytes = rows * to.stride;
    *scales = rows * to.scale_stride;
    to.values = mem_alloc_aligned(*bytes, 1);
    to.scales = check_untouched(*scales);
    assert_true(packed != NULL && scratch != NULL && from.values != NULL && to.values != NULL);
    memset(packed, 0, int8->packed_bytes(outputs, inputs));
    int8->pack(packed, outputs, inputs, 0, outputs, weights, bias);
    int8->quantise(&(int8_quantisation){rows, inputs, KERNEL_F32, values, inputs, NULL, from});
    int8->multiply(&(int8_product){.rows = rows,
                                   .inputs = inputs,
                                   .outputs = outputs,
                                   .input = from,
                                   .weights = packed,
                                   .activation = (kernel_activation)(seed % 4),
                                   .form = INT8_TO_INT8,
                                   .output_int8 = to,
                                   .scratch = scratch});
    for (size_t r = 0; r < rows; r++) /* what stands behind a row is anything */
        memset(to.values + r * to.stride + outputs, 0, to.stride - outputs);
    mem_free(from.scales);
    mem_free(from.values);
    mem_free(scratch);
    mem_free(packed);
    mem_free(bias);
    mem_free(weights);
    mem_free(values);
    return to;
}

static void free_rows(int8_rows *rows)
{
    mem_free(rows->values);
    mem_free(rows->scales);
}

static void gives_the_tiles_back(void **state)
{
    (void)state;
    size_t numbers;
    product_case c = multiply(emulated_bf16(), 3);
    assert_false(amx_configured());
    mem_free(attend(emulated_bf16(), 3, &numbers));
    assert_false(amx_configured());
    assert_true(emulated_bf16()->burst(2) >= 2);
    assert_false(amx_configured());
    size_t bytes, scales;
    int8_rows rows = multiply_int8(emulated_int8(), 3, &bytes, &scales);
    assert_false(amx_configured());
    assert_true(emulated_int8()->burst(2) >= 2);
    assert_false(amx_configured());
    free_rows(&rows);
    free_product(&c);
}

static void the_cpu_computes_what_the_emulation_does(void **state)
{
    (void)state;
    const kernel_table *real = kernels_find("amx");
    if (real == NULL)
        skip();
    for (uint64_t seed = 0; seed < 64; seed++) {
        product_case a = multiply(emulated_bf16(), seed), b = multiply(real->bf16, seed);
        assert_memory_equal(a.packed, b.packed, a.packed_bytes);
        assert_memory_equal(a.output, b.output, a.output_bytes);
        free_product(&a);
        free_product(&b);
        size_t numbers;
        uint16_t *x = attend(emulated_bf16(), seed, &numbers), *y = attend(real->bf16, seed, &numbers);
        assert_memory_equal(x, y, numbers * sizeof *x);
        mem_free(x);
        mem_free(y);
        size_t bytes, scales;
        int8_rows q = multiply_int8(emulated_int8(), seed, &bytes, &scales);
        int8_rows s = multiply_int8(real->int8, seed, &bytes, &scales);
        assert_memory_equal(q.values, s.values, bytes);
        assert_memory_equal(q.scales, s.scales, scales * sizeof *q.scales);
        free_rows(&q);
        free_rows(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_even_and_odd_products_apart),
        cmocka_unit_test(rounds_to_even_and_flushes_denormals),
        cmocka_unit_test(multiplies_signed_bytes),
        cmocka_unit_test(gives_the_tiles_back),
        cmocka_unit_test(the_cpu_computes_what_the_emulation_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
