/* Residual addition and LayerNorm of every tier against double precision, with the bound of kernels.h. */
#include "check.h"

static void check_row(const kernel_table *tier, const kernel_norm *norm, const float *input,
                      const float *residual, const float *output)
{
    const size_t columns = norm->columns;
    double mean = 0.0, variance = 0.0, greatest = 0.0;
    for (size_t i = 0; i < columns; i++) {
        double x = (double)input[i] + residual[i];
        mean += norm->rms ? 0.0 : x / (double)columns;
        greatest = fmax(greatest, fabs(x));
    }
    for (size_t i = 0; i < columns; i++) {
        double x = (double)input[i] + residual[i] - mean;
        variance += x * x / (double)columns;
    }
    double deviation = sqrt(variance + norm->epsilon);
    for (size_t i = 0; i < columns; i++) {
        double y = ((double)input[i] + residual[i] - mean) / deviation;
        double scale = fabs(norm->gamma[i]) * (fabs(y) + greatest / deviation) + fabs(norm->beta[i]);
        CHECK_CLOSE(tier, output[i], norm->gamma[i] * y + norm->beta[i],
                    ((double)columns / 8 + 16) * U * scale + 0x1p-126);
    }
}

/* The sum over the residual, and the same bits of output as without it. */
static void check_sum(const kernel_table *tier, const kernel_norm *given, const float *input, float *residual,
                      const float *expected, size_t expected_stride)
{
    const size_t columns = given->columns, stride = columns + 3;
    const size_t count = check_extent(given->rows, columns, given->residual_stride);
    float *output = check_untouched(check_extent(given->rows, columns, stride));
    float *before = mem_alloc(count, sizeof *before);
    assert_non_null(before);
    memcpy(before, residual, count * sizeof *before);
    kernel_norm norm = *given;
    norm.input = input;
    norm.residual = norm.sum = residual;
    norm.sum_stride = norm.residual_stride;
    norm.output = output;
    norm.output_stride = stride;
    tier->norm(&norm);
    check_gaps_untouched(output, norm.rows, columns, stride);
    for (size_t r = 0; r < norm.rows; r++) {
        assert_memory_equal(output + r * stride, expected + r * expected_stride, columns * sizeof *output);
        for (size_t i = 0; i < columns; i++)
            assert_true(residual[r * norm.sum_stride + i] ==
                        input[r * norm.input_stride + i] + before[r * norm.sum_stride + i]);
    }
    mem_free(before);
    mem_free(output);
}

/* Takes input [rows], stride columns .. columns + 4, and residual, whose stride is one more. */
static void check_given_as(const kernel_table *tier, bool rms, size_t rows, size_t columns, size_t stride,
                           float *input, float *residual)
{
    float *gamma = check_floats(columns, CHECK_USUAL), *beta = check_floats(columns, CHECK_USUAL);
    float *output = check_untouched(check_extent(rows, columns, stride + 2));
    kernel_norm norm = {.rows = rows,
                        .columns = columns,
                        .input = input,
                        .input_stride = stride,
                        .residual = residual,
                        .residual_stride = stride + 1,
                        .gamma = gamma,
                        .beta = beta,
                        .epsilon = 1e-12f,
                        .output = output,
                        .output_stride = stride + 2,
                        .rms = rms};
    tier->norm(&norm);
    check_gaps_untouched(output, rows, columns, stride + 2);
    for (size_t r = 0; r < rows; r++)
        check_row(tier, &norm, input + r * stride, residual + r * (stride + 1), output + r * (stride + 2));

    /* Writing over the residual or the input gives the same bits. */
    float *over = mem_alloc(check_extent(rows, columns, stride + 1), sizeof *over);
    assert_non_null(over);
    memcpy(over, residual, check_extent(rows, columns, stride + 1) * sizeof *over);
    norm.residual = norm.output = over;
    norm.output_stride = stride + 1;
    tier->norm(&norm);
    norm.residual = residual;
    norm.input = norm.output = input;
    float *rows_before = output;
    for (size_t r = 0; r < rows; r++)
        assert_memory_equal(over + r * (stride + 1), rows_before + r * (stride + 2), columns * sizeof(float));
    norm.output_stride = stride;
    float *kept = mem_alloc(check_extent(rows, columns, stride), sizeof *kept);
    assert_non_null(kept);
    memcpy(kept, input, check_extent(rows, columns, stride) * sizeof *kept);
    tier->norm(&norm);
    for (size_t r = 0; r < rows; r++)
        assert_memory_equal(input + r * stride, rows_before + r * (stride + 2), columns * sizeof(float));
    mem_free(over);
    memcpy(input, kept, check_extent(rows, columns, stride) * sizeof *kept);
    mem_free(kept);
    check_sum(tier, &norm, input, residual, rows_before, stride + 2);
    mem_free(output);
    mem_free(beta);
    mem_free(gamma);
}

static void check_given(const kernel_table *tier, size_t rows, size_t columns, size_t stride, float *input,
                        float *residual)
{
    const size_t inputs = check_extent(rows, columns, stride);
    const size_t residuals = check_extent(rows, columns, stride + 1);
    float *again = mem_alloc(inputs + residuals, sizeof *again);
    assert_non_null(again);
    memcpy(again, input, inputs * sizeof *again);
    memcpy(again + inputs, residual, residuals * sizeof *again);
    check_given_as(tier, false, rows, columns, stride, input, residual);
    check_given_as(tier, true, rows, columns, stride, again, again + inputs);
    mem_free(again);
    mem_free(input);
    mem_free(residual);
}

static void check_norm(const kernel_table *tier, size_t rows, size_t columns, check_kind kind, float offset)
{
    const size_t stride = columns + check_below(5);
    float *input = check_floats(check_extent(rows, columns, stride), kind);
    float *residual = check_floats(check_extent(rows, columns, stride + 1), kind);
    for (size_t i = 0; i < check_extent(rows, columns, stride); i++)
        input[i] += offset;
    check_given(tier, rows, columns, stride, input, residual);
}

/* Inputs and residuals uniform in (offset - size, offset + size), cut where their sum would overflow f32. */
static void check_sized(const kernel_table *tier, size_t rows, size_t columns, float size, float offset)
{
    const size_t stride = columns + check_below(5);
    float *input = check_floats(check_extent(rows, columns, stride), CHECK_USUAL);
    float *residual = check_floats(check_extent(rows, columns, stride + 1), CHECK_USUAL);
    for (size_t i = 0; i < check_extent(rows, columns, stride); i++)
        input[i] = fmaxf(-1.7e38f, fminf(1.7e38f, check_unit() * size + offset));
    for (size_t i = 0; i < check_extent(rows, columns, stride + 1); i++)
        residual[i] = fmaxf(-1.7e38f, fminf(1.7e38f, check_unit() * size + offset));
    check_given(tier, rows, columns, stride, input, residual);
}

static void normalises_rows_of_all_tails(void **state)
{
    (void)state;
    CHECK_EACH_TIER(tier)
    {
        for (size_t columns = 1; columns <= 70; columns++)
            check_norm(tier, 1 + check_below(9), columns, (check_kind)(columns % CHECK_KINDS), 0.0f);
        check_norm(tier, 20, 384, CHECK_USUAL, 0.0f);
        check_norm(tier, 3, 4096, CHECK_USUAL, 0.0f);
    }
}

/* Rows of every magnitude of f32, whose sums and squares overflow, must be normalised: neither beta alone nor NaN. */
static void normalises_rows_whose_sums_leave_f32(void **state)
{
    (void)state;
    static const float sizes[] = {1e-38f, 1e-30f, 1e-20f, 1e-12f, 1e15f,  1e18f,
                                  1e19f,  1e20f,  1e30f,  1e38f,  1.7e38f};
    static const size_t columns[] = {1, 2, 7, 16, 37, 384, 1027};
    CHECK_EACH_TIER(tier)
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
            check_sized(tier, 3, columns[c], sizes[s], 0.0f);
            check_sized(tier, 3, columns[c], sizes[s], sizes[s]); /* the sum overflows, too */
        }
}

/* A row next to one that overflows keeps its bits. */
static void an_overflowing_row_changes_no_other(void **state)
{
    (void)state;
    CHECK_EACH_TIER(tier)
    {
        float *input = check_floats(3 * 37, CHECK_USUAL), *residual = check_floats(3 * 37, CHECK_USUAL);
        float *gamma = check_floats(37, CHECK_USUAL), *beta = check_floats(37, CHECK_USUAL);
        float alone[3 * 37], output[3 * 37];
        kernel_norm norm = {3, 37, input, 37, residual, 37, gamma, beta, 1e-12f, alone, 37};
        tier->norm(&norm);
        for (size_t i = 37; i < 2 * 37; i++)
            input[i] = check_unit() * 3e38f;
        norm.output = output;
        tier->norm(&norm);
        assert_memory_equal(output, alone, 37 * sizeof *output);
        assert_memory_equal(output + 2 * 37, alone + 2 * 37, 37 * sizeof *output);
        check_row(tier, &norm, input + 37, residual + 37, output + 37);
        mem_free(beta);
        mem_free(gamma);
        mem_free(residual);
        mem_free(input);
    }
}

/* Input + residual that overflows f32 gives NaN or an infinity in every place of its row. */
static void sums_of_input_and_residual_that_overflow_are_not_finite(void **state)
{
    (void)state;
    CHECK_EACH_TIER(tier)
    for (size_t at = 0; at < 37; at++) {
        float *input = check_floats(37, CHECK_USUAL), *residual = check_floats(37, CHECK_USUAL);
        float *gamma = check_floats(37, CHECK_USUAL), *beta = check_floats(37, CHECK_USUAL), output[37];
        input[at] = residual[at] = at % 2 == 0 ? 3e38f : -3e38f;
        kernel_norm norm = {1, 37, input, 37, residual, 37, gamma, beta, 1e-12f, output, 37};
        tier->norm(&norm);
        for (size_t i = 0; i < 37; i++)
            assert_false(isfinite(output[i]));
        mem_free(beta);
        mem_free(gamma);
        mem_free(residual);
        mem_free(input);
    }
}

/* Deviations far smaller than the mean: a difference of squares would lose them. */
static void normalises_around_a_distant_mean(void **state)
{
    (void)state;
    CHECK_EACH_TIER(tier)
    {
        check_norm(tier, 5, 384, CHECK_USUAL, 1000.0f);
        check_norm(tier, 5, 48, CHECK_USUAL, -5000.0f);
    }
}

static void equal_values_give_beta(void **state)
{
    (void)state;
    CHECK_EACH_TIER(tier)
    {
        float input[20], residual[20] = {0}, gamma[20], beta[20], output[20];
        for (size_t i = 0; i < 20; i++) {
            input[i] = 2.0f;
            gamma[i] = 3.0f;
            beta[i] = (float)i;
        }
        kernel_norm norm = {1, 20, input, 20, residual, 20, gamma, beta, 1e-12f, output, 20};
        tier->norm(&norm);
        assert_memory_equal(output, beta, sizeof output);
    }
}

static void keeps_nan_in_its_row(void **state)
{
    (void)state;
    CHECK_EACH_TIER(tier)
    {
        float *input = check_floats(3 * 37, CHECK_USUAL), *residual = check_floats(3 * 37, CHECK_USUAL);
        float *gamma = check_floats(37, CHECK_USUAL), *beta = check_floats(37, CHECK_USUAL), output[3 * 37];
        residual[37 + 36] = NAN;
        kernel_norm norm = {3, 37, input, 37, residual, 37, gamma, beta, 1e-12f, output, 37};
        tier->norm(&norm);
        for (size_t i = 0; i < 3 * 37; i++)
            assert_int_equal(isnan(output[i]), i / 37 == 1);
        mem_free(beta);
        mem_free(gamma);
        mem_free(residual);
        mem_free(input);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normalises_rows_of_all_tails),
        cmocka_unit_test(normalises_rows_whose_sums_leave_f32),
        cmocka_unit_test(an_overflowing_row_changes_no_other),
        cmocka_unit_test(sums_of_input_and_residual_that_overflow_are_not_finite),
        cmocka_unit_test(normalises_around_a_distant_mean),
        cmocka_unit_test(equal_values_give_beta),
        cmocka_unit_test(keeps_nan_in_its_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
