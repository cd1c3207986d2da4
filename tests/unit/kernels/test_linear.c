/* Products of every tier against double precision, with the bounds of kernels.h. */
#include "check.h"

typedef struct problem {
    size_t rows, inputs, outputs, input_stride, output_stride;
    float *input, *weights, *bias; /* exact sizes: [rows][inputs] with stride, [outputs][inputs], [outputs] */
} problem;

static problem make_problem(size_t rows, size_t inputs, size_t outputs, check_kind kind)
{
    problem p = {rows, inputs, outputs, inputs + check_below(4), outputs + check_below(4), NULL, NULL, NULL};
    p.input = check_floats(check_extent(rows, inputs, p.input_stride), kind);
    p.weights = check_floats(outputs * inputs, CHECK_USUAL);
    p.bias = check_floats(outputs, kind);
    return p;
}

static void free_problem(problem *p)
{
    mem_free(p->input);
    mem_free(p->weights);
    mem_free(p->bias);
}

/* In random groups of outputs and in random order of the groups' halves. */
static void *pack(const kernel_linear *linear, const problem *p)
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

static kernel_product product_of(const problem *p, const void *packed, kernel_activation activation,
                                 float *output)
{
    return (kernel_product){
        .rows = p->rows,
        .inputs = p->inputs,
        .outputs = p->outputs,
        .input = p->input,
        .input_stride = p->input_stride,
        .weights = packed,
        .output = output,
        .output_stride = p->output_stride,
        .activation = activation,
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
    case KERNEL_IDENTITY:
        break;
    }
    return x;
}

static double activation_bound(double x, kernel_activation activation)
{
    return (activation == KERNEL_GELU_ERF    ? 4 * U * fabs(x)
            : activation == KERNEL_GELU_TANH ? 8 * U * fabs(x)
                                             : 0.0) +
           0x1p-126;
}

static void check_problem(const kernel_table *tier, const problem *p, kernel_activation activation)
{
    void *packed = pack(tier->fp32, p);
    float *output = check_untouched(check_extent(p->rows, p->outputs, p->output_stride));
    kernel_product product = product_of(p, packed, activation, output);
    tier->fp32->multiply(&product);
    check_gaps_untouched(output, p->rows, p->outputs, p->output_stride);
    for (size_t r = 0; r < p->rows; r++)
        for (size_t o = 0; o < p->outputs; o++) {
            double sum = p->bias[o], magnitude = fabs(p->bias[o]);
            for (size_t i = 0; i < p->inputs; i++) {
                double term = (double)p->input[r * p->input_stride + i] * p->weights[o * p->inputs + i];
                sum += term;
                magnitude += fabs(term);
            }
            double bound = 1.2 * ((double)p->inputs + 2) * (U * magnitude + 0x1p-149) +
                           activation_bound(sum, activation);
            CHECK_CLOSE(tier, output[r * p->output_stride + o], activate(sum, activation), bound);
        }
    mem_free(output);
    mem_free(packed);
}

static void multiplies_shapes_of_all_tails(void **state)
{
    (void)state;
    CHECK_EACH_TIER(tier)
    for (size_t rows = 1; rows <= 70; rows++) {
        problem p =
            make_problem(rows, 1 + check_below(97), 1 + check_below(101), (check_kind)(rows % CHECK_KINDS));
        check_problem(tier, &p, KERNEL_IDENTITY);
        free_problem(&p);
    }
}

static void multiplies_the_smallest_shapes(void **state)
{
    (void)state;
    CHECK_EACH_TIER(tier)
    for (size_t inputs = 1; inputs <= 5; inputs++)
        for (size_t outputs = 1; outputs <= 34; outputs++) {
            problem p = make_problem(1 + check_below(3), inputs, outputs, CHECK_USUAL);
            check_problem(tier, &p, KERNEL_IDENTITY);
            free_problem(&p);
        }
}

static void multiplies_the_shapes_of_the_model(void **state)
{
    (void)state;
    const size_t shapes[][2] = {{384, 1152}, {384, 384}, {384, 1536}, {1536, 384}};
    CHECK_EACH_TIER(tier)
    for (size_t s = 0; s < 4; s++) {
        problem p = make_problem(13, shapes[s][0], shapes[s][1], CHECK_USUAL);
        check_problem(tier, &p, KERNEL_GELU_ERF);
        free_problem(&p);
    }
}

static void activates_in_the_product(void **state)
{
    (void)state;
    const kernel_activation activations[] = {KERNEL_GELU_ERF, KERNEL_GELU_TANH, KERNEL_RELU};
    CHECK_EACH_TIER(tier)
    for (size_t a = 0; a < 3; a++)
        for (size_t i = 0; i < 8; i++) {
            problem p = make_problem(1 + check_below(30), 1 + check_below(40), 1 + check_below(70),
                                     (check_kind)(i % CHECK_KINDS));
            check_problem(tier, &p, activations[a]);
            free_problem(&p);
        }
}

/* With one input, weight 1 and bias 0 the product is the input: the activations alone, over all magnitudes. */
static void activates_every_magnitude(void **state)
{
    (void)state;
    enum { COUNT = 60000 };
    const kernel_activation activations[] = {KERNEL_GELU_ERF, KERNEL_GELU_TANH, KERNEL_RELU};
    problem p = {COUNT,
                 1,
                 1,
                 1,
                 1,
                 mem_alloc(COUNT, sizeof(float)),
                 check_floats(1, CHECK_USUAL),
                 check_floats(1, CHECK_USUAL)};
    assert_non_null(p.input);
    p.weights[0] = 1.0f;
    p.bias[0] = 0.0f;
    for (size_t i = 0; i < COUNT; i++) {
        float sign = i % 2 == 0 ? 1.0f : -1.0f;
        p.input[i] = sign * (i < 40000 ? (float)i * 2.5e-4f : exp2f((float)(i - 40000) * 0.0138f - 149.0f));
    }
    CHECK_EACH_TIER(tier)
    for (size_t a = 0; a < 3; a++)
        check_problem(tier, &p, activations[a]);
    free_problem(&p);
}

static void keeps_nan(void **state)
{
    (void)state;
    const kernel_activation activations[] = {KERNEL_IDENTITY, KERNEL_GELU_ERF, KERNEL_GELU_TANH, KERNEL_RELU};
    CHECK_EACH_TIER(tier)
    for (size_t a = 0; a < 4; a++) {
        problem p = make_problem(5, 7, 37, CHECK_USUAL);
        p.input[2 * p.input_stride + 3] = NAN;
        void *packed = pack(tier->fp32, &p);
        float *output = check_untouched(check_extent(p.rows, p.outputs, p.output_stride));
        kernel_product product = product_of(&p, packed, activations[a], output);
        tier->fp32->multiply(&product);
        for (size_t r = 0; r < p.rows; r++)
            for (size_t o = 0; o < p.outputs; o++)
                assert_int_equal(isnan(output[r * p.output_stride + o]), r == 2);
        mem_free(output);
        mem_free(packed);
        free_problem(&p);
    }
}

/* A row alone, at any address, gives the same bits as among others. */
static void a_row_does_not_depend_on_its_neighbours(void **state)
{
    (void)state;
    CHECK_EACH_TIER(tier)
    for (size_t round = 0; round < 40; round++) {
        problem p =
            make_problem(1 + check_below(200), 1 + check_below(130), 1 + check_below(130), CHECK_USUAL);
        void *packed = pack(tier->fp32, &p);
        float *together = check_untouched(check_extent(p.rows, p.outputs, p.output_stride));
        float *alone = mem_alloc(p.outputs + 16, sizeof *alone),
              *moved = mem_alloc(p.inputs + 16, sizeof *moved);
        assert_true(alone != NULL && moved != NULL);
        kernel_product product = product_of(&p, packed, KERNEL_GELU_ERF, together);
        tier->fp32->multiply(&product);
        for (size_t r = 0; r < p.rows; r++) {
            size_t offset = check_below(16);
            memcpy(moved + offset, p.input + r * p.input_stride, p.inputs * sizeof *moved);
            product.rows = 1;
            product.input = moved + offset;
            product.output = alone + 15 - offset;
            tier->fp32->multiply(&product);
            assert_memory_equal(product.output, together + r * p.output_stride, p.outputs * sizeof(float));
        }
        mem_free(moved);
        mem_free(alone);
        mem_free(together);
        mem_free(packed);
        free_problem(&p);
    }
}

static void refuses_sizes_that_overflow(void **state)
{
    (void)state;
    CHECK_EACH_TIER(tier)
    {
        assert_int_equal(tier->fp32->packed_bytes(SIZE_MAX, 2), 0);
        assert_int_equal(tier->fp32->packed_bytes(2, SIZE_MAX), 0);
        assert_int_equal(tier->fp32->packed_bytes(SIZE_MAX / 8, SIZE_MAX / 8), 0);
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
        cmocka_unit_test(a_row_does_not_depend_on_its_neighbours),
        cmocka_unit_test(refuses_sizes_that_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
