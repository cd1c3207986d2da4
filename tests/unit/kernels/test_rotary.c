/* Norms and turns of queries and keys, and gates, of every precision of every tier against double precision, with the bounds of
 * kernels.h. */
#include "check.h"

typedef struct rows {
    size_t count, heads, size, stride;
    float *values; /* that the precision holds */
    float *gamma, *table;
} rows;

static rows make_rows(const kernel_precision *precision, size_t count, size_t heads, size_t size)
{
    rows r = {count, heads, size, check_stride(precision, heads * size), NULL, NULL, NULL};
    r.values = check_floats(check_extent(count, heads * size, r.stride), CHECK_USUAL);
    check_hold(precision, r.values, check_extent(count, heads * size, r.stride));
    r.gamma = check_floats(size, CHECK_USUAL);
    r.table = check_floats(count * size, CHECK_USUAL);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < size / 2; j++) {
            const double angle = 3.0 * check_unit();
            r.table[i * size + j] = (float)cos(angle);
            r.table[i * size + size / 2 + j] = (float)sin(angle);
        }
    return r;
}

static void free_rows(rows *r)
{
    mem_free(r->values);
    mem_free(r->gamma);
    mem_free(r->table);
}

static double rounding(const kernel_precision *precision, double x)
{
    return check_is_bf16(precision) ? V * fabs(x) + 0x1p-126 : 0x1p-126;
}

/* The expected numbers of one head, and the bound of each number's error. */
static void expect_head(const kernel_precision *precision, const rows *r, const float *head, size_t row,
                        bool norms, bool turns, float epsilon, double *expected, double *bound)
{
    const size_t size = r->size, half = size / 2;
    double squares = 0.0;
    for (size_t i = 0; i < size; i++)
        squares += (double)head[i] * head[i];
    const double factor = 1.0 / sqrt(squares / (double)size + epsilon);
    for (size_t i = 0; i < size; i++) {
        expected[i] = norms ? head[i] * factor * r->gamma[i] : head[i];
        bound[i] =
            norms ? ((double)size / 8 + 16) * U * fabs(expected[i]) + rounding(precision, expected[i]) : 0.0;
    }
    for (size_t i = 0; turns && i < half; i++) {
        const double x = expected[i], y = expected[half + i];
        const double c = r->table[row * size + i], s = r->table[row * size + half + i];
        const double own = bound[i] + bound[half + i] + 4 * U * (fabs(x) + fabs(y));
        expected[i] = x * c - y * s;
        expected[half + i] = y * c + x * s;
        bound[i] = own + rounding(precision, fabs(expected[i]) + own);
        bound[half + i] = own + rounding(precision, fabs(expected[half + i]) + own);
    }
}

static void check_rows(const kernel_table *tier, const kernel_precision *precision, const rows *r, bool norms,
                       bool turns)
{
    const size_t columns = r->heads * r->size;
    double *expected = mem_alloc(2 * r->size, sizeof *expected), *bound = expected + r->size;
    void *numbers = check_numbers_of(precision, r->values, r->count, columns, r->stride);
    assert_non_null(expected);
    precision->rotary(&(kernel_rotary){.rows = r->count,
                                       .heads = r->heads,
                                       .head_size = r->size,
                                       .numbers = numbers,
                                       .stride = r->stride,
                                       .gamma = norms ? r->gamma : NULL,
                                       .epsilon = 1e-6f,
                                       .table = turns ? r->table : NULL});
    for (size_t row = 0; row < r->count; row++)
        for (size_t h = 0; h < r->heads; h++) {
            const size_t at = row * r->stride + h * r->size;
            expect_head(precision, r, r->values + at, row, norms, turns, 1e-6f, expected, bound);
            for (size_t i = 0; i < r->size; i++)
                CHECK_CLOSE(tier, check_number(precision, numbers, at + i), expected[i], bound[i] + 0x1p-140);
        }
    mem_free(numbers);
    mem_free(expected);
}

static void turns_and_normalises_heads_of_all_sizes(void **state)
{
    (void)state;
    CHECK_EACH_PRECISION(tier, precision)
    for (size_t size = 2; size <= 256; size += size < 72 ? 2 : 46) {
        rows r = make_rows(precision, 1 + check_below(5), 1 + check_below(4), size);
        check_rows(tier, precision, &r, false, true);
        check_rows(tier, precision, &r, true, false);
        check_rows(tier, precision, &r, true, true);
        free_rows(&r);
    }
}

/* Squares that overflow f32 give NaN, not a head of zeros. */
static void a_head_that_overflows_becomes_nan(void **state)
{
    (void)state;
    CHECK_EACH_PRECISION(tier, precision)
    {
        rows r = make_rows(precision, 1, 2, 24);
        r.values[5] = 1e30f;
        check_hold(precision, r.values, 48);
        void *numbers = check_numbers_of(precision, r.values, 1, 48, r.stride);
        precision->rotary(&(kernel_rotary){.rows = 1,
                                           .heads = 2,
                                           .head_size = 24,
                                           .numbers = numbers,
                                           .stride = r.stride,
                                           .gamma = r.gamma,
                                           .epsilon = 1e-6f,
                                           .table = r.table});
        for (size_t i = 0; i < 48; i++)
            assert_int_equal(isnan(check_number(precision, numbers, i)), i < 24);
        mem_free(numbers);
        free_rows(&r);
    }
}

static double activated(kernel_activation activation, double x, double *bound)
{
    switch (activation) {
    case KERNEL_GELU_ERF:
        *bound = 4 * U * fabs(x);
        return 0.5 * x * erfc(-x * M_SQRT1_2);
    case KERNEL_GELU_TANH:
        *bound = 8 * U * fabs(x);
        return 0.5 * x * (1.0 + tanh(sqrt(2.0 / M_PI) * (x + 0.044715 * x * x * x)));
    case KERNEL_SILU:
        *bound = 8 * U * fabs(x);
        return x / (1.0 + exp(-x));
    case KERNEL_RELU:
        *bound = 0.0;
        return fmax(x, 0.0);
    case KERNEL_IDENTITY:
        break;
    }
    *bound = 0.0;
    return x;
}

static void check_gate(const kernel_table *tier, const kernel_precision *precision, size_t count,
                       size_t columns, kernel_activation activation)
{
    const size_t stride = columns + check_below(5), to = check_stride(precision, columns);
    float *gate = check_floats(check_extent(count, columns, stride), CHECK_USUAL);
    float *up = check_floats(check_extent(count, columns, stride), CHECK_USUAL);
    for (size_t i = 0; i < check_extent(count, columns, stride); i++)
        gate[i] *= 4.0f;
    void *output = check_untouched_numbers(precision, check_numbers(precision, count, columns, to));
    precision->gate(&(kernel_gate){.rows = count,
                                   .columns = columns,
                                   .gate = gate,
                                   .up = up,
                                   .stride = stride,
                                   .activation = activation,
                                   .output = output,
                                   .output_stride = to});
    check_number_gaps(precision, output, count, columns, to);
    for (size_t r = 0; r < count; r++)
        for (size_t j = 0; j < columns; j++) {
            double bound;
            const double a = activated(activation, gate[r * stride + j], &bound), u = up[r * stride + j];
            if (check_is_bf16(precision) && activation == KERNEL_GELU_ERF)
                bound += 5e-5 + 16 * U * fabs((double)gate[r * stride + j]);
            CHECK_CLOSE(tier, check_number(precision, output, r * to + j), a * u,
                        bound * fabs(u) + U * fabs(a * u) +
                            rounding(precision, fabs(a * u) + bound * fabs(u)));
        }
    mem_free(output);
    mem_free(up);
    mem_free(gate);
}

static void gates_rows_of_all_tails(void **state)
{
    (void)state;
    CHECK_EACH_PRECISION(tier, precision)
    for (size_t columns = 1; columns <= 70; columns++)
        for (int activation = KERNEL_IDENTITY; activation <= KERNEL_SILU; activation++)
            check_gate(tier, precision, 1 + check_below(4), columns, (kernel_activation)activation);
}

static void gates_keep_nan(void **state)
{
    (void)state;
    CHECK_EACH_PRECISION(tier, precision)
    for (int activation = KERNEL_IDENTITY; activation <= KERNEL_SILU; activation++) {
        float gate[20], up[20], output[20];
        for (size_t i = 0; i < 20; i++)
            gate[i] = up[i] = 1.0f;
        gate[3] = up[17] = NAN;
        precision->gate(&(kernel_gate){1, 20, gate, up, 20, (kernel_activation)activation, output, 20});
        for (size_t i = 0; i < 20; i++)
            assert_int_equal(isnan(check_number(precision, output, i)), i == 3 || i == 17);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turns_and_normalises_heads_of_all_sizes),
        cmocka_unit_test(a_head_that_overflows_becomes_nan),
        cmocka_unit_test(gates_rows_of_all_tails),
        cmocka_unit_test(gates_keep_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
