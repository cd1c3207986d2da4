/* Products in int8 of every tier: rows bit by bit as int8.h says, products against exact sums with its bound. */
#include "check.h"

#include "kernels/int8.h"

#define CHECK_EACH_INT8(tier, int8)                                                                          \
    CHECK_EACH_TIER(tier)                                                                                    \
    for (const kernel_int8 *int8 = (tier)->int8; int8 != NULL; int8 = NULL)

static const kernel_precision *companion(const kernel_table *tier)
{
    return tier->int8->number == KERNEL_BF16 ? tier->bf16 : tier->fp32;
}

/* Rows of exact size: the last one ends with its cache line. What stands between rows may be written. */
static int8_rows make_rows(size_t rows, size_t columns)
{
    int8_rows to = {.stride = (columns + 63) / 64 * 64 + 64 * check_below(2),
                    .scale_stride = int8_chunks(columns) + check_below(2)};
    const size_t bytes = (rows - 1) * to.stride + (columns + 63) / 64 * 64;
    to.values = mem_alloc_aligned(bytes, 1);
    to.scales = check_untouched(check_extent(rows, int8_chunks(columns), to.scale_stride));
    assert_non_null(to.values);
    for (size_t i = 0; i < bytes; i++)
        to.values[i] = (unsigned char)check_random();
    return to;
}

static void free_rows(int8_rows *rows)
{
    mem_free(rows->values);
    mem_free(rows->scales);
}

static void quantise(const kernel_int8 *int8, size_t rows, size_t columns, const float *from, size_t stride,
                     const int8_rows *to)
{
    int8->quantise(&(int8_quantisation){rows, columns, KERNEL_F32, from, stride, NULL, *to});
}

static float scale_of(const float *row, size_t columns, size_t chunk, float *inverse)
{
    uint32_t greatest = 0;
    for (size_t i = chunk * INT8_CHUNK; i < columns && i < (chunk + 1) * INT8_CHUNK; i++)
        greatest = greatest > int8_magnitude(row[i]) ? greatest : int8_magnitude(row[i]);
    return int8_scale(greatest, inverse);
}

static void check_quantised(const kernel_table *tier, const int8_rows *got, const float *from,
                            size_t from_stride, size_t rows, size_t columns)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < int8_chunks(columns); c++) {
            const float *row = from + r * from_stride;
            float inverse;
            const float scale = scale_of(row, columns, c, &inverse),
                        found = got->scales[r * got->scale_stride + c];
            if (isnan(scale)) {
                assert_true(isnan(found));
                continue;
            }
            assert_true(found == scale);
            for (size_t i = c * INT8_CHUNK; i < columns && i < (c + 1) * INT8_CHUNK; i++) {
                const int value = got->values[r * got->stride + i], zero = tier->int8->zero;
                const int signed_value = zero == 0 ? (signed char)value : value - zero;
                if (signed_value != int8_round(row[i], inverse))
                    fail_msg("%s: %d for %.9g with scale %.9g", tier->name, signed_value, row[i], scale);
            }
        }
}

static void check_quantise(const kernel_table *tier, size_t rows, size_t columns, check_kind kind)
{
    const size_t stride = columns + check_below(4);
    float *from = check_floats(check_extent(rows, columns, stride), kind);
    if (kind == CHECK_USUAL && rows > 3) { /* a zero row, one with a NaN, one with an infinity, ties */
        for (size_t i = 0; i < columns; i++) {
            from[i] = i % 2 == 0 ? 0.0f : -0.0f;
            from[3 * stride + i] = i == 0 ? 127.0f : (float)check_below(127) + 0.5f;
        }
        from[stride + check_below(columns)] = check_below(2) == 0 ? NAN : -NAN;
        from[2 * stride + check_below(columns)] = check_below(2) == 0 ? INFINITY : -INFINITY;
    }
    int8_rows to = make_rows(rows, columns);
    quantise(tier->int8, rows, columns, from, stride, &to);
    check_quantised(tier, &to, from, stride, rows, columns);
    if (tier->int8->number == KERNEL_BF16) {
        const size_t number_stride = check_stride(tier->bf16, stride);
        float *held = check_untouched(rows * number_stride);
        for (size_t r = 0; r < rows; r++)
            memcpy(held + r * number_stride, from + r * stride, columns * sizeof *held);
        void *numbers = check_numbers_of(tier->bf16, held, rows, columns, number_stride);
        check_hold(tier->bf16, held, rows * number_stride);
        tier->int8->quantise(
            &(int8_quantisation){rows, columns, KERNEL_BF16, numbers, number_stride, NULL, to});
        check_quantised(tier, &to, held, number_stride, rows, columns);
        mem_free(numbers);
        mem_free(held);
    }
    free_rows(&to);
    mem_free(from);
}

/* Factors, and the same rows multiplied by them before. */
static void multiplies_rows_by_factors(void **state)
{
    (void)state;
    CHECK_EACH_INT8(tier, int8)
    for (size_t round = 0; round < 60; round++) {
        const size_t rows = 1 + check_below(9), columns = round == 0 ? 1536 : 1 + check_below(800);
        float *from = check_floats(rows * columns, (check_kind)(round % CHECK_KINDS));
        float *factors = check_floats(columns, CHECK_USUAL), *product = check_untouched(rows * columns);
        for (size_t i = 0; i < columns; i++)
            factors[i] = exp2f((float)check_below(13) - 6.0f);
        for (size_t i = 0; i < rows * columns; i++)
            product[i] = from[i] * factors[i % columns];
        int8_rows to = make_rows(rows, columns);
        int8->quantise(&(int8_quantisation){rows, columns, KERNEL_F32, from, columns, factors, to});
        check_quantised(tier, &to, product, columns, rows, columns);
        free_rows(&to);
        mem_free(product);
        mem_free(factors);
        mem_free(from);
    }
}

static void quantises_rows_of_all_tails(void **state)
{
    (void)state;
    CHECK_EACH_INT8(tier, int8)
    {
        for (size_t columns = 1; columns <= 140; columns++)
            check_quantise(tier, 1 + check_below(9), columns, (check_kind)(columns % CHECK_KINDS));
        for (size_t columns = 370; columns <= 400; columns++)
            check_quantise(tier, 4 + check_below(3), columns, CHECK_USUAL);
        check_quantise(tier, 70, 384, CHECK_USUAL);
        check_quantise(tier, 9, 1536, CHECK_USUAL);
        check_quantise(tier, 9, 1537, CHECK_LARGE);
    }
}

/* ---- products ---------------------------------------------------------------------------------------- */

typedef struct problem {
    size_t rows, inputs, outputs;
    float *input, *weights, *bias; /* [rows][inputs], [outputs][inputs], [outputs] dense */
    void *packed;
    float *held;     /* [outputs][inputs]: the weights as they were rounded */
    int8_rows given; /* input */
} problem;

static int8_product product_of(const problem *p, kernel_activation activation, void *scratch)
{
    return (int8_product){.rows = p->rows,
                          .inputs = p->inputs,
                          .outputs = p->outputs,
                          .input = p->given,
                          .weights = p->packed,
                          .activation = activation,
                          .scratch = scratch};
}

static void *make_scratch(const kernel_int8 *int8, size_t rows)
{
    const size_t bytes = int8->scratch_bytes(rows);
    assert_true(bytes % KERNEL_ALIGNMENT == 0);
    void *scratch = mem_alloc_aligned(bytes + 1, 1);
    assert_non_null(scratch);
    memset(scratch, 0xff, bytes);
    return scratch;
}

/* In random groups of outputs and in random order of the groups' halves. */
static void *pack(const kernel_int8 *int8, const problem *p)
{
    size_t bytes = int8->packed_bytes(p->outputs, p->inputs);
    assert_true(bytes > 0 && bytes % KERNEL_ALIGNMENT == 0);
    unsigned char *packed = mem_alloc_aligned(bytes, 1);
    assert_non_null(packed);
    memset(packed, 0, bytes);
    size_t middle = check_below(p->outputs);
    for (int half = 0; half < 2; half++) {
        size_t first = half == 0 ? middle : 0, end = half == 0 ? p->outputs : middle;
        while (first < end) {
            size_t count = 1 + check_below(end - first);
            int8->pack(packed, p->outputs, p->inputs, first, count, p->weights + first * p->inputs,
                       p->bias + first);
            first += count;
        }
    }
    return packed;
}

/* Rows that are 1 at one input and 0 elsewhere give the weights back: 127 times a weight times 1/127. */
static void read_weights_back(const kernel_table *tier, problem *p)
{
    const kernel_int8 *int8 = tier->int8;
    enum { ROWS = 48 };
    float *ones = mem_alloc((size_t)ROWS * p->inputs, sizeof *ones),
          *no_bias = mem_zalloc(p->outputs, sizeof *no_bias);
    float *out = mem_alloc((size_t)ROWS * p->outputs, sizeof *out);
    assert_true(ones != NULL && no_bias != NULL && out != NULL);
    problem q = *p;
    q.bias = no_bias;
    q.packed = pack(int8, &q);
    q.given = make_rows(ROWS, p->inputs);
    void *scratch = make_scratch(int8, ROWS);
    for (size_t first = 0; first < p->inputs; first += ROWS) {
        q.rows = p->inputs - first < ROWS ? p->inputs - first : ROWS;
        memset(ones, 0, q.rows * p->inputs * sizeof *ones);
        for (size_t r = 0; r < q.rows; r++)
            ones[r * p->inputs + first + r] = 1.0f;
        quantise(int8, q.rows, p->inputs, ones, p->inputs, &q.given);
        int8_product product = product_of(&q, KERNEL_IDENTITY, scratch);
        product.output = out;
        product.output_stride = p->outputs;
        int8->multiply(&product);
        for (size_t r = 0; r < q.rows; r++)
            for (size_t o = 0; o < p->outputs; o++)
                p->held[o * p->inputs + first + r] = out[r * p->outputs + o];
    }
    mem_free(scratch);
    free_rows(&q.given);
    mem_free(q.packed);
    mem_free(out);
    mem_free(no_bias);
    mem_free(ones);
}

/* How far a weight may be from what was given. */
static void check_weights(const kernel_table *tier, const problem *p)
{
    for (size_t o = 0; o < p->outputs; o++) {
        const float *given = p->weights + o * p->inputs;
        float greatest = 0.0f;
        for (size_t i = 0; i < p->inputs; i++)
            greatest = fmaxf(greatest, fabsf(given[i]));
        for (size_t i = 0; i < p->inputs; i++)
            CHECK_CLOSE(tier, p->held[o * p->inputs + i], given[i],
                        (double)greatest / INT8_MOST * (1 + 8 * U) + 4 * U * fabs(given[i]) + 0x1p-99);
    }
}

static problem make_problem(const kernel_table *tier, size_t rows, size_t inputs, size_t outputs,
                            check_kind kind)
{
    problem p = {.rows = rows, .inputs = inputs, .outputs = outputs};
    p.input = check_floats(rows * inputs, kind);
    p.weights = check_floats(outputs * inputs, kind == CHECK_SPARSE ? CHECK_SPARSE : CHECK_USUAL);
    p.bias = check_floats(outputs, kind);
    p.held = mem_alloc(outputs * inputs, sizeof *p.held);
    assert_non_null(p.held);
    if (kind == CHECK_SPARSE) /* the greatest sums: nothing may saturate */
        for (size_t i = 0; i < outputs * inputs; i++)
            p.weights[i] = i / inputs % 3 == 0   ? 1.0f
                           : i / inputs % 3 == 1 ? -1.0f
                           : i % 2 == 0          ? 1.0f
                                                 : -1.0f;
    if (kind == CHECK_SPARSE)
        for (size_t i = 0; i < rows * inputs; i++)
            p.input[i] = i / inputs % 3 == 0 ? 1.0f : i / inputs % 3 == 1 ? -1.0f : i % 2 == 0 ? 1.0f : -1.0f;
    p.given = make_rows(rows, inputs);
    quantise(tier->int8, rows, inputs, p.input, inputs, &p.given);
    p.packed = pack(tier->int8, &p);
    read_weights_back(tier, &p);
    return p;
}

static void free_problem(problem *p)
{
    free_rows(&p->given);
    mem_free(p->packed);
    mem_free(p->held);
    mem_free(p->bias);
    mem_free(p->weights);
    mem_free(p->input);
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

static double activation_bound(double x, kernel_activation activation)
{
    return activation == KERNEL_GELU_ERF    ? 6e-4 + 16 * U * fabs(x)
           : activation == KERNEL_GELU_TANH ? 8 * U * fabs(x)
           : activation == KERNEL_SILU      ? 8 * U * fabs(x)
                                            : 0.0;
}

/* As f32, dense: what the other forms are made of. */
static float *multiply_f32(const kernel_int8 *int8, const problem *p, kernel_activation activation)
{
    float *output = check_untouched(p->rows * p->outputs);
    void *scratch = make_scratch(int8, p->rows);
    int8_product product = product_of(p, activation, scratch);
    product.output = output;
    product.output_stride = p->outputs;
    int8->multiply(&product);
    mem_free(scratch);
    return output;
}

static void check_values(const kernel_table *tier, const problem *p, kernel_activation activation,
                         const float *output)
{
    const int zero = tier->int8->zero;
    for (size_t r = 0; r < p->rows; r++)
        for (size_t o = 0; o < p->outputs; o++) {
            double sum = p->bias[o], size = fabs(sum);
            for (size_t i = 0; i < p->inputs; i++) {
                const int byte = p->given.values[r * p->given.stride + i];
                const double x = (double)(zero == 0 ? (signed char)byte : byte - zero) *
                                 p->given.scales[r * p->given.scale_stride + i / INT8_CHUNK];
                sum += x * p->held[o * p->inputs + i];
                size += fabs(x * p->held[o * p->inputs + i]);
            }
            /* 4 u more: the weights were read back as rounded products. */
            const double bound = ((double)int8_chunks(p->inputs) + 8) * U * size * 1.2 + 0x1p-126 +
                                 activation_bound(sum, activation);
            CHECK_CLOSE(tier, output[r * p->outputs + o], activate(sum, activation), bound);
        }
}

/* The other forms are the f32, narrowed or quantised; gaps between rows stay. */
static void check_forms(const kernel_table *tier, const problem *p, kernel_activation activation,
                        const float *plain)
{
    const kernel_int8 *int8 = tier->int8;
    const kernel_precision *other = companion(tier);
    void *scratch = make_scratch(int8, p->rows);
    int8_product product = product_of(p, activation, scratch);
    const size_t stride = check_stride(other, p->outputs);
    void *numbers = check_untouched_numbers(other, check_numbers(other, p->rows, p->outputs, stride));
    product.form = INT8_TO_NUMBERS;
    product.output = numbers;
    product.output_stride = stride;
    int8->multiply(&product);
    check_number_gaps(other, numbers, p->rows, p->outputs, stride);
    for (size_t r = 0; r < p->rows; r++)
        for (size_t o = 0; o < p->outputs; o++) {
            float expected = plain[r * p->outputs + o], found = check_number(other, numbers, r * stride + o);
            check_hold(other, &expected, 1);
            assert_true(found == expected || (isnan(found) && isnan(expected)));
        }
    int8_rows rows = make_rows(p->rows, p->outputs);
    product.form = INT8_TO_INT8;
    product.output_int8 = rows;
    int8->multiply(&product);
    check_quantised(tier, &rows, plain, p->outputs, p->rows, p->outputs);
    free_rows(&rows);
    mem_free(numbers);
    mem_free(scratch);
}

static void check_problem(const kernel_table *tier, const problem *p, kernel_activation activation)
{
    float *output = multiply_f32(tier->int8, p, activation);
    check_values(tier, p, activation, output);
    check_forms(tier, p, activation, output);
    mem_free(output);
}

static void multiplies_shapes_of_all_tails(void **state)
{
    (void)state;
    CHECK_EACH_INT8(tier, int8)
    for (size_t rows = 1; rows <= 70; rows++) {
        problem p = make_problem(tier, rows, 1 + check_below(97), 1 + check_below(101),
                                 (check_kind)(rows % CHECK_KINDS));
        check_weights(tier, &p);
        check_problem(tier, &p, KERNEL_IDENTITY);
        free_problem(&p);
    }
}

static void multiplies_the_smallest_shapes(void **state)
{
    (void)state;
    CHECK_EACH_INT8(tier, int8)
    for (size_t inputs = 1; inputs <= 9; inputs++)
        for (size_t outputs = 1; outputs <= 34; outputs++) {
            problem p = make_problem(tier, 1 + check_below(3), inputs, outputs, CHECK_USUAL);
            check_problem(tier, &p, KERNEL_IDENTITY);
            free_problem(&p);
        }
}

static void multiplies_over_several_chunks(void **state)
{
    (void)state;
    const size_t shapes[][2] = {{384, 416}, {385, 65}, {1536, 64}, {383, 768}, {800, 800}};
    CHECK_EACH_INT8(tier, int8)
    for (size_t s = 0; s < (unit_is_emulated() ? 3 : 5); s++)
        for (size_t kind = 0; kind < 2; kind++) {
            problem p =
                make_problem(tier, 13, shapes[s][0], shapes[s][1], kind == 0 ? CHECK_USUAL : CHECK_SPARSE);
            check_weights(tier, &p);
            check_problem(tier, &p, kind == 0 ? KERNEL_GELU_ERF : KERNEL_IDENTITY);
            free_problem(&p);
        }
}

static void activates_in_the_product(void **state)
{
    (void)state;
    const kernel_activation activations[] = {KERNEL_GELU_ERF, KERNEL_GELU_TANH, KERNEL_RELU, KERNEL_SILU};
    CHECK_EACH_INT8(tier, int8)
    for (size_t a = 0; a < 3; a++)
        for (size_t i = 0; i < 8; i++) {
            problem p = make_problem(tier, 1 + check_below(30), 1 + check_below(40), 1 + check_below(70),
                                     (check_kind)(i % CHECK_KINDS));
            check_problem(tier, &p, activations[a]);
            free_problem(&p);
        }
}

/* With one input and weight 1 the product is the input: the activations alone, over all magnitudes. */
static void activates_every_magnitude(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    const kernel_activation activations[] = {KERNEL_GELU_ERF, KERNEL_GELU_TANH, KERNEL_RELU, KERNEL_SILU};
    CHECK_EACH_INT8(tier, int8)
    {
        problem p = make_problem(tier, COUNT, 1, 1, CHECK_USUAL);
        p.weights[0] = 1.0f;
        p.bias[0] = 0.0f;
        p.held[0] = 1.0f;
        mem_free(p.packed);
        p.packed = pack(int8, &p);
        for (size_t i = 0; i < COUNT; i++)
            p.input[i] = (i % 2 == 0 ? 1.0f : -1.0f) *
                         (i < 15000 ? (float)i * 6.7e-4f : exp2f((float)(i - 15000) * 0.035f - 90.0f));
        quantise(int8, COUNT, 1, p.input, 1, &p.given);
        for (size_t a = 0; a < 3; a++) {
            float *output = multiply_f32(int8, &p, activations[a]);
            check_values(tier, &p, activations[a], output);
            mem_free(output);
        }
        free_problem(&p);
    }
}

static void numbers_that_are_none_stay_in_their_row(void **state)
{
    (void)state;
    const kernel_activation activations[] = {KERNEL_IDENTITY, KERNEL_GELU_ERF, KERNEL_GELU_TANH, KERNEL_RELU,
                                             KERNEL_SILU};
    CHECK_EACH_INT8(tier, int8)
    for (size_t a = 0; a < 4; a++) {
        problem p = make_problem(tier, 15, 400, 37, CHECK_USUAL);
        p.input[2 * p.inputs + 3] = NAN;
        p.input[7 * p.inputs + 390] = -INFINITY;
        quantise(int8, p.rows, p.inputs, p.input, p.inputs, &p.given);
        float *output = multiply_f32(int8, &p, activations[a]);
        for (size_t r = 0; r < p.rows; r++)
            for (size_t o = 0; o < p.outputs; o++)
                assert_int_equal(isnan(output[r * p.outputs + o]), r == 2 || r == 7);
        check_forms(tier, &p, activations[a], output);
        mem_free(output);
        free_problem(&p);
    }
}

static void weights_that_are_no_numbers_give_none(void **state)
{
    (void)state;
    CHECK_EACH_INT8(tier, int8)
    {
        problem p = make_problem(tier, 5, 70, 9, CHECK_USUAL);
        p.weights[3 * 70 + 69] = NAN;
        p.weights[5 * 70] = INFINITY;
        mem_free(p.packed);
        p.packed = pack(int8, &p);
        float *output = multiply_f32(int8, &p, KERNEL_IDENTITY);
        for (size_t i = 0; i < p.rows * p.outputs; i++)
            assert_int_equal(isnan(output[i]), i % 9 == 3 || i % 9 == 5);
        mem_free(output);
        free_problem(&p);
    }
}

/* A row alone gives the same bits as among others. */
static void a_row_does_not_depend_on_its_neighbours(void **state)
{
    (void)state;
    CHECK_EACH_INT8(tier, int8)
    for (size_t round = 0; round < 20; round++) {
        problem p =
            make_problem(tier, 1 + check_below(120), 1 + check_below(500), 1 + check_below(130), CHECK_USUAL);
        float *together = multiply_f32(int8, &p, KERNEL_GELU_ERF);
        const problem all = p;
        p.rows = 1;
        for (size_t r = 0; r < all.rows; r++) {
            p.given = make_rows(1, p.inputs);
            quantise(int8, 1, p.inputs, all.input + r * p.inputs, p.inputs, &p.given);
            float *alone = multiply_f32(int8, &p, KERNEL_GELU_ERF);
            assert_memory_equal(alone, together + r * p.outputs, p.outputs * sizeof *alone);
            mem_free(alone);
            free_rows(&p.given);
        }
        p = all;
        mem_free(together);
        free_problem(&p);
    }
}

/* Scales of chunks whose greatest number has any magnitude of f32. */
static void quantises_every_magnitude(void **state)
{
    (void)state;
    CHECK_EACH_INT8(tier, int8)
    for (float size = 1e-38f; size <= 3e38f; size *= size < 1e37f ? 10.0f : 2.9f) {
        float from[3 * 390];
        for (size_t i = 0; i < 3 * 390; i++)
            from[i] = (check_below(2) == 0 ? 1.0f : -1.0f) * check_unit() * size;
        from[7] = size;
        from[390 + 389] = -size;
        int8_rows to = make_rows(3, 390);
        quantise(int8, 3, 390, from, 390, &to);
        check_quantised(tier, &to, from, 390, 3, 390);
        free_rows(&to);
    }
}

/* Sums that overflow f32 must not become a finite number, whatever the activation. */
static void a_sum_that_overflows_is_not_finite(void **state)
{
    (void)state;
    const kernel_activation activations[] = {KERNEL_IDENTITY, KERNEL_GELU_ERF, KERNEL_GELU_TANH, KERNEL_RELU,
                                             KERNEL_SILU};
    CHECK_EACH_INT8(tier, int8)
    for (size_t a = 0; a < 8; a++) {
        problem p = make_problem(tier, 5, 400, 37, CHECK_USUAL);
        for (size_t i = 0; i < p.outputs * p.inputs; i++)
            p.weights[i] = a % 2 == 0 ? 1.0f : -1.0f;
        for (size_t i = 0; i < p.inputs; i++)
            p.input[2 * p.inputs + i] = 3e38f;
        mem_free(p.packed);
        p.packed = pack(int8, &p);
        quantise(int8, p.rows, p.inputs, p.input, p.inputs, &p.given);
        float *output = multiply_f32(int8, &p, activations[a / 2]);
        for (size_t i = 0; i < p.rows * p.outputs; i++)
            assert_int_equal(!isfinite(output[i]), i / p.outputs == 2);
        mem_free(output);
        free_problem(&p);
    }
}

static void a_matrix_is_cut_at_column_steps(void **state)
{
    (void)state;
    CHECK_EACH_INT8(tier, int8)
    {
        assert_true(int8->column_step % 2 == 0 && INT8_CHUNK % int8->column_step == 0);
        for (size_t round = 0; round < 12; round++) {
            problem p = make_problem(tier, 1 + check_below(20), 1 + check_below(450), 200 + check_below(700),
                                     CHECK_USUAL);
            float *whole = multiply_f32(int8, &p, KERNEL_GELU_ERF);
            float *parts = check_untouched(p.rows * p.outputs);
            void *scratch = make_scratch(int8, p.rows);
            const size_t cut = int8->column_step * (1 + check_below(190 / int8->column_step));
            int8_product product = product_of(&p, KERNEL_GELU_ERF, scratch);
            product.outputs = cut;
            product.output = parts;
            product.output_stride = p.outputs;
            int8->multiply(&product);
            product.weights = (unsigned char *)p.packed + int8->packed_bytes(cut, p.inputs);
            product.outputs = p.outputs - cut;
            product.output = parts + cut;
            int8->multiply(&product);
            assert_memory_equal(parts, whole, p.rows * p.outputs * sizeof *parts);
            if (p.outputs > INT8_CHUNK) { /* rows of int8 are cut between chunks */
                int8_rows rows = make_rows(p.rows, p.outputs), second = rows;
                product.form = INT8_TO_INT8;
                product.weights = p.packed;
                product.outputs = INT8_CHUNK;
                product.output_int8 = rows;
                int8->multiply(&product);
                second.values += INT8_CHUNK;
                second.scales += 1;
                product.weights = (unsigned char *)p.packed + int8->packed_bytes(INT8_CHUNK, p.inputs);
                product.outputs = p.outputs - INT8_CHUNK;
                product.output_int8 = second;
                int8->multiply(&product);
                check_quantised(tier, &rows, whole, p.outputs, p.rows, p.outputs);
                free_rows(&rows);
            }
            mem_free(scratch);
            mem_free(parts);
            mem_free(whole);
            free_problem(&p);
        }
    }
}

static void refuses_sizes_that_overflow(void **state)
{
    (void)state;
    CHECK_EACH_INT8(tier, int8)
    {
        assert_int_equal(int8->packed_bytes(SIZE_MAX, 2), 0);
        assert_int_equal(int8->packed_bytes(2, SIZE_MAX), 0);
        assert_int_equal(int8->packed_bytes(SIZE_MAX / 8, SIZE_MAX / 8), 0);
    }
}

static void every_tier_has_numbers_for_its_attention(void **state)
{
    (void)state;
    CHECK_EACH_INT8(tier, int8)
    {
        assert_non_null(companion(tier));
        assert_true(int8->zero == 0 || int8->zero == 128);
        double once = int8->burst(10);
        assert_true(once >= 10);
        assert_true(int8->burst(1000) == 100 * once);
    }
    assert_non_null(kernels_find("reference")->int8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantises_rows_of_all_tails),
        cmocka_unit_test(multiplies_rows_by_factors),
        cmocka_unit_test(multiplies_shapes_of_all_tails),
        cmocka_unit_test(multiplies_the_smallest_shapes),
        cmocka_unit_test(multiplies_over_several_chunks),
        cmocka_unit_test(activates_in_the_product),
        cmocka_unit_test(activates_every_magnitude),
        cmocka_unit_test(numbers_that_are_none_stay_in_their_row),
        cmocka_unit_test(weights_that_are_no_numbers_give_none),
        cmocka_unit_test(quantises_every_magnitude),
        cmocka_unit_test(a_sum_that_overflows_is_not_finite),
        cmocka_unit_test(a_row_does_not_depend_on_its_neighbours),
        cmocka_unit_test(a_matrix_is_cut_at_column_steps),
        cmocka_unit_test(refuses_sizes_that_overflow),
        cmocka_unit_test(every_tier_has_numbers_for_its_attention),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
