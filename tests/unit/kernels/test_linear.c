/* Products of every precision of every tier against double precision, with the bounds of kernels.h. */
#include "check.h"

typedef struct problem {
    size_t rows, inputs, outputs, input_stride, output_stride;
    /* Values that the precision holds; exact sizes: [rows][inputs] with stride, [outputs][inputs], [outputs]. */
    float *input, *weights, *bias;
} problem;

static problem make_problem(const kernel_precision *precision, size_t rows, size_t inputs, size_t outputs,
                            check_kind kind)
{
    problem p = {rows, inputs, outputs, check_stride(precision, inputs), check_stride(precision, outputs),
                 NULL, NULL,   NULL};
    p.input = check_floats(check_extent(rows, inputs, p.input_stride), kind);
    p.weights = check_floats(outputs * inputs, CHECK_USUAL);
    p.bias = check_floats(outputs, kind);
    check_hold(precision, p.input, check_extent(rows, inputs, p.input_stride));
    check_hold(precision, p.weights, outputs * inputs);
    return p;
}

static void free_problem(problem *p)
{
    mem_free(p->input);
    mem_free(p->weights);
    mem_free(p->bias);
}

/* In random groups of outputs and in random order of the groups' halves. */
static void *pack(const kernel_precision *linear, const problem *p)
{
    size_t bytes = linear->packed_bytes(p->outputs, p->inputs);
    assert_true(bytes > 0 && bytes % KERNEL_ALIGNMENT == 0);
    void *packed = mem_alloc_aligned(bytes, 1);
    assert_non_null(packed);
    memset(packed, 0, bytes);
    size_t middle = check_below(p->outputs);
    for (int half = 0; half < 2; half++) {
        size_t first = half == 0 ? middle : 0, end = half == 0 ? p->outputs : middle;
        while (first < end) {
            size_t count = 1 + check_below(end - first);
            linear->pack(packed, p->outputs, p->inputs, first, count, p->weights + first * p->inputs,
                         p->bias + first);
            first += count;
        }
    }
    return packed;
}

/* How a problem is run: as f32, or narrow where the next product takes the output. */
static const bool forms[] = {false, true};

static void *make_output(const kernel_precision *precision, const problem *p, bool narrow)
{
    return narrow ? check_untouched_numbers(precision,
                                            check_numbers(precision, p->rows, p->outputs, p->output_stride))
                  : check_untouched(check_extent(p->rows, p->outputs, p->output_stride));
}

static kernel_product product_of(const problem *p, const void *input, const void *packed,
                                 kernel_activation activation, void *output, bool narrow)
{
    return (kernel_product){
        .rows = p->rows,
        .inputs = p->inputs,
        .outputs = p->outputs,
        .input = input,
        .input_stride = p->input_stride,
        .weights = packed,
        .output = output,
        .output_stride = p->output_stride,
        .activation = activation,
        .narrow_output = narrow,
    };
}

static double activate(double x, kernel_activation activation)
{
    switch (activation) {
    case KERNEL_GELU_ERF:
        return 0.5 * x * erfc(-x * M_SQRT1_2);
    case KERNEL_GELU_TANH:
        return 0.5 * x * (1.0 + tanh(sqrt(2.0 / M_PI) * (x + 0.044715 * x * x * x)));
    case KERNEL_RELU:
        return x < 0.0 ? 0.0 : x;
    case KERNEL_SILU:
        return x / (1.0 + exp(-x));
    case KERNEL_IDENTITY:
        break;
    }
    return x;
}

static double activation_bound(const kernel_precision *precision, double x, kernel_activation activation)
{
    switch (activation) {
    case KERNEL_GELU_ERF:
        return check_is_bf16(precision) ? 5e-5 + 20 * U * fabs(x) : 4 * U * fabs(x);
    case KERNEL_GELU_TANH:
    case KERNEL_SILU:
        return 8 * U * fabs(x);
    case KERNEL_RELU:
    case KERNEL_IDENTITY:
        break;
    }
    return 0.0;
}

static void check_form(const kernel_table *tier, const kernel_precision *precision, const problem *p,
                       kernel_activation activation, bool narrow)
{
    void *packed = pack(precision, p), *output = make_output(precision, p, narrow);
    void *input = check_numbers_of(precision, p->input, p->rows, p->inputs, p->input_stride);
    kernel_product product = product_of(p, input, packed, activation, output, narrow);
    const double flushed = check_is_bf16(precision) ? 0x1p-126 : 0x1p-149;
    precision->multiply(&product);
    if (narrow)
        check_number_gaps(precision, output, p->rows, p->outputs, p->output_stride);
    else
        check_gaps_untouched(output, p->rows, p->outputs, p->output_stride);
    for (size_t r = 0; r < p->rows; r++)
        for (size_t o = 0; o < p->outputs; o++) {
            const size_t at = r * p->output_stride + o;
            double sum = p->bias[o], magnitude = fabs(p->bias[o]);
            for (size_t i = 0; i < p->inputs; i++) {
                double term = (double)p->input[r * p->input_stride + i] * p->weights[o * p->inputs + i];
                sum += term;
                magnitude += fabs(term);
            }
            double expected = activate(sum, activation);
            double bound = 1.2 * ((double)p->inputs + 2) * (U * magnitude + flushed) +
                           activation_bound(precision, sum, activation) + 0x1p-126;
            if (narrow && check_is_bf16(precision))
                bound = bound * (1 + V) + V * fabs(expected);
            CHECK_CLOSE(tier, narrow ? check_number(precision, output, at) : ((float *)output)[at], expected,
                        bound);
        }
    mem_free(input);
    mem_free(output);
    mem_free(packed);
}

static void check_problem(const kernel_table *tier, const kernel_precision *precision, const problem *p,
                          kernel_activation activation)
{
    for (size_t f = 0; f < 2; f++)
        check_form(tier, precision, p, activation, forms[f]);
}

static void multiplies_shapes_of_all_tails(void **state)
{
    (void)state;
    CHECK_EACH_PRECISION(tier, precision)
    for (size_t rows = 1; rows <= 70; rows++) {
        problem p = make_problem(precision, rows, 1 + check_below(97), 1 + check_below(101),
                                 (check_kind)(rows % CHECK_KINDS));
        check_problem(tier, precision, &p, KERNEL_IDENTITY);
        free_problem(&p);
    }
}

static void multiplies_the_smallest_shapes(void **state)
{
    (void)state;
    CHECK_EACH_PRECISION(tier, precision)
    for (size_t inputs = 1; inputs <= 5; inputs++)
        for (size_t outputs = 1; outputs <= 34; outputs++) {
            problem p = make_problem(precision, 1 + check_below(3), inputs, outputs, CHECK_USUAL);
            check_problem(tier, precision, &p, KERNEL_IDENTITY);
            free_problem(&p);
        }
}

static void multiplies_the_shapes_of_the_model(void **state)
{
    (void)state;
    const size_t shapes[][2] = {{384, 384}, {384, 1152}, {384, 1536}, {1536, 384}};
    CHECK_EACH_PRECISION(tier, precision)
    for (size_t s = 0; s < (unit_is_emulated() ? 1 : 4); s++) {
        problem p = make_problem(precision, 13, shapes[s][0], shapes[s][1], CHECK_USUAL);
        check_problem(tier, precision, &p, KERNEL_GELU_ERF);
        free_problem(&p);
    }
}

static void activates_in_the_product(void **state)
{
    (void)state;
    const kernel_activation activations[] = {KERNEL_GELU_ERF, KERNEL_GELU_TANH, KERNEL_RELU, KERNEL_SILU};
    CHECK_EACH_PRECISION(tier, precision)
    for (size_t a = 0; a < 3; a++)
        for (size_t i = 0; i < 8; i++) {
            problem p = make_problem(precision, 1 + check_below(30), 1 + check_below(40), 1 + check_below(70),
                                     (check_kind)(i % CHECK_KINDS));
            check_problem(tier, precision, &p, activations[a]);
            free_problem(&p);
        }
}

/* With one input, weight 1 and bias 0 the product is the input: the activations alone, over all magnitudes. */
static void activates_every_magnitude(void **state)
{
    (void)state;
    enum { COUNT = 60000 };
    const kernel_activation activations[] = {KERNEL_GELU_ERF, KERNEL_GELU_TANH, KERNEL_RELU, KERNEL_SILU};
    CHECK_EACH_PRECISION(tier, precision)
    {
        problem p = make_problem(precision, COUNT, 1, 1, CHECK_USUAL);
        p.weights[0] = 1.0f;
        p.bias[0] = 0.0f;
        for (size_t i = 0; i < COUNT; i++) {
            float sign = i % 2 == 0 ? 1.0f : -1.0f;
            float size = i < 40000 ? (float)i * 2.5e-4f : exp2f((float)(i - 40000) * 0.0138f - 149.0f);
            p.input[i * p.input_stride] = sign * size;
            check_hold(precision, &p.input[i * p.input_stride], 1);
        }
        for (size_t a = 0; a < 3; a++)
            check_problem(tier, precision, &p, activations[a]);
        free_problem(&p);
    }
}

static void keeps_nan(void **state)
{
    (void)state;
    const kernel_activation activations[] = {KERNEL_IDENTITY, KERNEL_GELU_ERF, KERNEL_GELU_TANH, KERNEL_RELU,
                                             KERNEL_SILU};
    CHECK_EACH_PRECISION(tier, precision)
    for (size_t a = 0; a < 8; a++) {
        const bool narrow = a >= 4;
        problem p = make_problem(precision, 5, 7, 37, CHECK_USUAL);
        p.input[2 * p.input_stride + 3] = NAN;
        void *packed = pack(precision, &p), *output = make_output(precision, &p, narrow);
        void *input = check_numbers_of(precision, p.input, p.rows, p.inputs, p.input_stride);
        kernel_product product = product_of(&p, input, packed, activations[a % 4], output, narrow);
        precision->multiply(&product);
        for (size_t r = 0; r < p.rows; r++)
            for (size_t o = 0; o < p.outputs; o++) {
                const size_t at = r * p.output_stride + o;
                float x = narrow ? check_number(precision, output, at) : ((float *)output)[at];
                assert_int_equal(isnan(x), r == 2);
            }
        mem_free(input);
        mem_free(output);
        mem_free(packed);
        free_problem(&p);
    }
}

/* Sums that overflow f32 on the way, down or up, must not become a finite number, whatever the activation. */
static void a_sum_that_overflows_is_not_finite(void **state)
{
    (void)state;
    const kernel_activation activations[] = {KERNEL_IDENTITY, KERNEL_GELU_ERF, KERNEL_GELU_TANH, KERNEL_RELU,
                                             KERNEL_SILU};
    CHECK_EACH_PRECISION(tier, precision)
    for (size_t a = 0; a < 16; a++) {
        const bool narrow = a % 2 == 0;
        const float sign = a % 4 < 2 ? 1.0f : -1.0f;
        problem p = make_problem(precision, 5, 40, 37, CHECK_USUAL);
        for (size_t i = 0; i < p.outputs * p.inputs; i++)
            p.weights[i] = 1.0f;
        for (size_t i = 0; i < p.inputs; i++)
            p.input[2 * p.input_stride + i] = sign * 3e38f;
        check_hold(precision, p.input + 2 * p.input_stride, p.inputs);
        void *packed = pack(precision, &p), *output = make_output(precision, &p, narrow);
        void *input = check_numbers_of(precision, p.input, p.rows, p.inputs, p.input_stride);
        kernel_product product = product_of(&p, input, packed, activations[a / 4], output, narrow);
        precision->multiply(&product);
        for (size_t r = 0; r < p.rows; r++)
            for (size_t o = 0; o < p.outputs; o++) {
                const size_t at = r * p.output_stride + o;
                float x = narrow ? check_number(precision, output, at) : ((float *)output)[at];
                assert_int_equal(!isfinite(x), r == 2);
            }
        mem_free(input);
        mem_free(output);
        mem_free(packed);
        free_problem(&p);
    }
}

/* A row alone, at any address, gives the same bits as among others. */
static void a_row_does_not_depend_on_its_neighbours(void **state)
{
    (void)state;
    CHECK_EACH_PRECISION(tier, precision)
    for (size_t round = 0; round < 40; round++) {
        const bool narrow = round % 2 == 0;
        const size_t size = check_number_size(precision), output_size = narrow ? size : sizeof(float);
        const size_t step = 4 / size; /* rows of numbers begin at multiples of 4 bytes */
        problem p = make_problem(precision, 1 + check_below(200), 1 + check_below(130), 1 + check_below(130),
                                 CHECK_USUAL);
        void *packed = pack(precision, &p), *together = make_output(precision, &p, narrow);
        unsigned char *input = check_numbers_of(precision, p.input, p.rows, p.inputs, p.input_stride);
        unsigned char *alone = mem_alloc(p.outputs + 33, sizeof(float)),
                      *moved = mem_alloc(p.inputs + 33, sizeof(float));
        assert_true(alone != NULL && moved != NULL);
        kernel_product product = product_of(&p, input, packed, KERNEL_GELU_ERF, together, narrow);
        precision->multiply(&product);
        for (size_t r = 0; r < p.rows; r++) {
            const size_t offset = check_below(16) * step;
            memcpy(moved + offset * size, input + r * p.input_stride * size,
                   check_numbers(precision, 1, p.inputs, p.input_stride) * size);
            product.rows = 1;
            product.input = moved + offset * size;
            product.output = alone + (15 * step - offset) * output_size;
            precision->multiply(&product);
            assert_memory_equal(product.output, (unsigned char *)together + r * p.output_stride * output_size,
                                p.outputs * output_size);
        }
        mem_free(moved);
        mem_free(alone);
        mem_free(input);
        mem_free(together);
        mem_free(packed);
        free_problem(&p);
    }
}

/* The outputs of a packed matrix in two products, cut at each multiple of column_step, are those of one. */
static void a_packed_matrix_can_be_cut(void **state)
{
    (void)state;
    CHECK_EACH_PRECISION(tier, precision)
    for (size_t round = 0; round < 20; round++) {
        const bool narrow = round % 2 == 0;
        const size_t output_size = narrow ? check_number_size(precision) : sizeof(float);
        const size_t step = precision->column_step;
        assert_true(step >= 2 && step % 2 == 0);
        problem p = make_problem(precision, 1 + check_below(40), 1 + check_below(130),
                                 step + 1 + check_below(3 * step), CHECK_USUAL);
        const size_t total = precision->packed_bytes(p.outputs, p.inputs);
        const size_t count = narrow ? check_numbers(precision, p.rows, p.outputs, p.output_stride)
                                    : check_extent(p.rows, p.outputs, p.output_stride);
        void *packed = pack(precision, &p), *whole = make_output(precision, &p, narrow);
        void *input = check_numbers_of(precision, p.input, p.rows, p.inputs, p.input_stride);
        kernel_product product = product_of(&p, input, packed, KERNEL_GELU_ERF, whole, narrow);
        precision->multiply(&product);
        for (size_t cut = step; cut < p.outputs; cut += step) {
            const size_t before = precision->packed_bytes(cut, p.inputs);
            assert_int_equal(before + precision->packed_bytes(p.outputs - cut, p.inputs), total);
            void *parts = make_output(precision, &p, narrow);
            product.weights = (unsigned char *)packed + before;
            product.outputs = p.outputs - cut;
            product.output = (unsigned char *)parts + cut * output_size;
            precision->multiply(&product);
            product.weights = packed;
            product.outputs = cut;
            product.output = parts;
            precision->multiply(&product);
            assert_memory_equal(parts, whole, count * output_size);
            mem_free(parts);
        }
        mem_free(input);
        mem_free(whole);
        mem_free(packed);
        free_problem(&p);
    }
}

/* Weights come as f32: packing rounds them as check_hold does. */
static void rounds_weights_when_they_are_packed(void **state)
{
    (void)state;
    CHECK_EACH_PRECISION(tier, precision)
    for (size_t kind = 0; kind < CHECK_KINDS; kind++) {
        problem p = make_problem(precision, 3, 45, 39, CHECK_USUAL);
        size_t bytes = precision->packed_bytes(p.outputs, p.inputs);
        for (size_t i = 0; i < p.outputs * p.inputs; i++)
            p.weights[i] = check_float((check_kind)kind);
        void *given = pack(precision, &p);
        check_hold(precision, p.weights, p.outputs * p.inputs);
        void *rounded = pack(precision, &p);
        assert_memory_equal(given, rounded, bytes);
        mem_free(given);
        mem_free(rounded);
        free_problem(&p);
    }
}

/* Bit by bit what bf16.h says, over the bits of all kinds of floats. */
static void narrows_to_the_nearest(void **state)
{
    (void)state;
    CHECK_EACH_PRECISION(tier, precision)
    for (size_t columns = 1; columns <= 70 && precision->narrow != NULL; columns++) {
        const size_t rows = 60, from_stride = columns + check_below(4);
        const size_t to_stride = check_stride(precision, columns);
        float *from = check_floats(check_extent(rows, columns, from_stride), CHECK_USUAL);
        for (size_t i = 0; i < check_extent(rows, columns, from_stride); i++) {
            uint32_t bits = (uint32_t)check_random();
            if (i % 4 == 0) /* a tie */
                bits = (bits & 0xffff0000) | 0x8000;
            if (i % 16 == 1) /* infinity, or a NaN whose upper half looks like it */
                bits = (bits & 0x80000001) | 0x7f800000;
            memcpy(&from[i], &bits, sizeof bits);
        }
        uint16_t *to = check_untouched_numbers(precision, check_numbers(precision, rows, columns, to_stride));
        precision->narrow(rows, columns, from, from_stride, to, to_stride);
        check_number_gaps(precision, to, rows, columns, to_stride);
        for (size_t r = 0; r < rows; r++)
            for (size_t i = 0; i < columns; i++)
                assert_int_equal(to[r * to_stride + i], bf16_round(from[r * from_stride + i]));
        mem_free(to);
        mem_free(from);
    }
}

static void refuses_sizes_that_overflow(void **state)
{
    (void)state;
    CHECK_EACH_PRECISION(tier, precision)
    {
        assert_int_equal(precision->packed_bytes(SIZE_MAX, 2), 0);
        assert_int_equal(precision->packed_bytes(2, SIZE_MAX), 0);
        assert_int_equal(precision->packed_bytes(SIZE_MAX / 8, SIZE_MAX / 8), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(multiplies_shapes_of_all_tails),
        cmocka_unit_test(multiplies_the_smallest_shapes),
        cmocka_unit_test(multiplies_the_shapes_of_the_model),
        cmocka_unit_test(activates_in_the_product),
        cmocka_unit_test(activates_every_magnitude),
        cmocka_unit_test(keeps_nan),
        cmocka_unit_test(a_sum_that_overflows_is_not_finite),
        cmocka_unit_test(a_row_does_not_depend_on_its_neighbours),
        cmocka_unit_test(a_packed_matrix_can_be_cut),
        cmocka_unit_test(rounds_weights_when_they_are_packed),
        cmocka_unit_test(narrows_to_the_nearest),
        cmocka_unit_test(refuses_sizes_that_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
