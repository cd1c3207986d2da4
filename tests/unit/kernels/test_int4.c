/* Weights in 4 bits: what the rounding promises, and every precision's expansion against its own packing, bit by bit. */
#include "check.h"

#include "kernels/int4.h"

/* [outputs][inputs] weights with their biases as int4 with panels of `panel`, packed in random groups of outputs. */
static unsigned char *store(size_t panel, size_t outputs, size_t inputs, const float *weights,
                            const float *bias)
{
    const size_t bytes = int4_packed_bytes(panel, outputs, inputs);
    assert_true(bytes > 0 && bytes % KERNEL_ALIGNMENT == 0);
    unsigned char *stored = mem_alloc_aligned(bytes, 1);
    assert_non_null(stored);
    memset(stored, 0, bytes);
    const size_t middle = check_below(outputs);
    for (int half = 0; half < 2; half++)
        for (size_t first = half == 0 ? middle : 0, end = half == 0 ? outputs : middle, count; first < end;
             first += count) {
            count = 1 + check_below(end - first);
            int4_pack(panel, stored, inputs, first, count, weights + first * inputs, bias + first);
        }
    return stored;
}

/* Weight i of output o, straight from the description in int4.h. */
static float stored_weight(const unsigned char *stored, size_t panel, size_t inputs, size_t o, size_t i)
{
    const size_t column = o % panel, groups = (inputs + 31) / 32;
    const size_t panel_bytes = (panel * 4 + groups * panel * 20 + 63) / 64 * 64;
    const unsigned char *group = stored + o / panel * panel_bytes + panel * 4 + i / 32 * panel * 20;
    uint16_t scale, low;
    memcpy(&scale, group + 2 * column, 2);
    memcpy(&low, group + 2 * panel + 2 * column, 2);
    const unsigned char byte = group[4 * panel + i % 32 / 2 * panel + column];
    const unsigned step = i % 2 == 0 ? byte % 16 : byte / 16;
    return (float)((double)bf16_value(low) + (double)step * (double)bf16_value(scale));
}

static void check_rounding(size_t panel, size_t outputs, size_t inputs, check_kind kind)
{
    float *weights = check_floats(outputs * inputs, kind), *bias = check_floats(outputs, CHECK_USUAL);
    unsigned char *stored = store(panel, outputs, inputs, weights, bias);
    for (size_t o = 0; o < outputs; o++)
        for (size_t first = 0; first < inputs; first += INT4_GROUP) {
            const size_t count = inputs - first < INT4_GROUP ? inputs - first : INT4_GROUP;
            double least = INFINITY, most = -INFINITY, squares = 0.0;
            for (size_t i = first; i < first + count; i++) {
                const double x = weights[o * inputs + i];
                const double error = stored_weight(stored, panel, inputs, o, i) - x;
                least = fmin(least, x);
                most = fmax(most, x);
                squares += error * error;
            }
            const double greatest = fmax(fabs(least), fabs(most));
            const double each = (most - least) / 30 + greatest / 128 + 0x1p-125;
            /* A short group is filled up by its first number, which weighs in the choice. */
            if (!(squares <= INT4_GROUP * each * each))
                fail_msg("output %zu, inputs from %zu on: error %.3g, at most %.3g expected", o, first,
                         sqrt(squares / (double)count), each);
        }
    mem_free(weights);
    mem_free(bias);
    mem_free(stored);
}

static void rounds_within_its_bound(void **state)
{
    (void)state;
    const size_t panels[] = {8, 16, 32};
    for (size_t p = 0; p < 3; p++)
        for (size_t kind = 0; kind < CHECK_KINDS; kind++)
            for (size_t inputs = 1; inputs <= 100; inputs += 1 + check_below(9))
                check_rounding(panels[p], 1 + check_below(70), inputs, (check_kind)kind);
}

static void holds_what_has_16_even_steps(void **state)
{
    (void)state;
    float weights[INT4_GROUP], bias = 0.25f;
    for (size_t i = 0; i < INT4_GROUP; i++)
        weights[i] = -3.0f + (float)(i * 7 % 16) * 0.5f;
    unsigned char *stored = store(16, 1, INT4_GROUP, weights, &bias);
    for (size_t i = 0; i < INT4_GROUP; i++)
        assert_true(stored_weight(stored, 16, INT4_GROUP, 0, i) == weights[i]);
    mem_free(stored);
    for (size_t i = 0; i < INT4_GROUP; i++)
        weights[i] = 0.0f;
    stored = store(16, 1, INT4_GROUP, weights, &bias);
    for (size_t i = 0; i < INT4_GROUP; i++)
        assert_true(stored_weight(stored, 16, INT4_GROUP, 0, i) == 0.0f);
    mem_free(stored);
}

static void takes_five_bits_a_weight(void **state)
{
    (void)state;
    const size_t bytes = int4_packed_bytes(32, 1536, 384);
    assert_in_range(bytes, 1536 * 384 * 5 / 8, 1536 * 384 * 5 / 8 + 1536 * 4);
}

/* Packed by the precision itself, from the weights that were stored. */
static void *pack_stored(const kernel_precision *precision, const unsigned char *stored, size_t outputs,
                         size_t inputs, const float *bias)
{
    const size_t bytes = precision->packed_bytes(outputs, inputs);
    float *weights = mem_alloc(outputs * inputs, sizeof *weights);
    void *packed = mem_alloc_aligned(bytes, 1);
    assert_true(weights != NULL && packed != NULL);
    for (size_t o = 0; o < outputs; o++)
        for (size_t i = 0; i < inputs; i++)
            weights[o * inputs + i] = stored_weight(stored, precision->column_step, inputs, o, i);
    memset(packed, 0, bytes);
    precision->pack(packed, outputs, inputs, 0, outputs, weights, bias);
    mem_free(weights);
    return packed;
}

static void check_expansion(const kernel_table *tier, const kernel_precision *precision, size_t outputs,
                            size_t inputs, check_kind kind)
{
    const size_t panel = precision->column_step, bytes = precision->packed_bytes(outputs, inputs);
    float *weights = check_floats(outputs * inputs, kind), *bias = check_floats(outputs, CHECK_USUAL);
    unsigned char *stored = store(panel, outputs, inputs, weights, bias);
    void *expected = pack_stored(precision, stored, outputs, inputs, bias);
    void *expanded = mem_alloc_aligned(bytes, 1);
    assert_non_null(expanded);
    /* Over what was there before; behind the last panel are zeros for pack too. */
    memset(expanded, 0, bytes);
    for (size_t i = 0; i < outputs * inputs; i++)
        weights[i] += 1.0f;
    unsigned char *other = store(panel, outputs, inputs, weights, bias);
    precision->expand(other, outputs, inputs, expanded);
    mem_free(other);
    precision->expand(stored, outputs, inputs, expanded);
    if (memcmp(expanded, expected, bytes) != 0)
        fail_msg("%s, %zu bits: %zu outputs of %zu inputs differ", tier->name,
                 8 * check_number_size(precision), outputs, inputs);
    mem_free(weights);
    mem_free(bias);
    mem_free(stored);
    mem_free(expected);
    mem_free(expanded);
}

static void expands_to_what_pack_makes(void **state)
{
    (void)state;
    CHECK_EACH_PRECISION(tier, precision)
    {
        for (size_t inputs = 1; inputs <= 100; inputs++)
            check_expansion(tier, precision, 1 + check_below(100), inputs,
                            (check_kind)(inputs % CHECK_KINDS));
        check_expansion(tier, precision, 64, 384, CHECK_USUAL);
        check_expansion(tier, precision, 33, 1536, CHECK_USUAL);
    }
}

/* Panels one by one, as a pass takes them. */
static void expands_any_part(void **state)
{
    (void)state;
    CHECK_EACH_PRECISION(tier, precision)
    {
        const size_t panel = precision->column_step, outputs = 3 * panel + 5, inputs = 77;
        float *weights = check_floats(outputs * inputs, CHECK_USUAL),
              *bias = check_floats(outputs, CHECK_USUAL);
        unsigned char *stored = store(panel, outputs, inputs, weights, bias);
        const size_t bytes = precision->packed_bytes(outputs, inputs);
        unsigned char *whole = mem_alloc_aligned(bytes, 1), *part = mem_alloc_aligned(bytes, 1);
        assert_true(whole != NULL && part != NULL);
        precision->expand(stored, outputs, inputs, whole);
        assert_int_equal(int4_panel_bytes(panel, inputs), int4_packed_bytes(panel, panel, inputs));
        for (size_t first = 0; first < outputs; first += panel) {
            const size_t count = outputs - first < panel ? outputs - first : panel;
            const size_t before = first > 0 ? precision->packed_bytes(first, inputs) : 0;
            precision->expand(stored + first / panel * int4_panel_bytes(panel, inputs), count, inputs, part);
            assert_memory_equal(part, whole + before, precision->packed_bytes(count, inputs));
        }
        mem_free(weights);
        mem_free(bias);
        mem_free(stored);
        mem_free(whole);
        mem_free(part);
    }
}

static void a_nan_stays_one(void **state)
{
    (void)state;
    CHECK_EACH_PRECISION(tier, precision)
    {
        const float special[] = {NAN, INFINITY, -INFINITY};
        float weights[64], bias = 0.0f, sums[2];
        for (size_t s = 0; s < 3; s++) {
            for (size_t i = 0; i < 64; i++)
                weights[i] = check_unit();
            weights[40] = special[s];
            unsigned char *stored = store(precision->column_step, 1, 64, weights, &bias);
            void *packed = mem_alloc_aligned(precision->packed_bytes(1, 64), 1);
            assert_non_null(packed);
            precision->expand(stored, 1, 64, packed);
            float ones[64];
            for (size_t i = 0; i < 64; i++)
                ones[i] = 1.0f;
            void *input = check_numbers_of(precision, ones, 1, 64, 64);
            precision->multiply(&(kernel_product){.rows = 1,
                                                  .inputs = 64,
                                                  .outputs = 1,
                                                  .input = input,
                                                  .input_stride = 64,
                                                  .weights = packed,
                                                  .output = sums,
                                                  .output_stride = 2});
            assert_true(isnan(sums[0]));
            mem_free(input);
            mem_free(packed);
            mem_free(stored);
        }
    }
}

static void refuses_sizes_that_overflow(void **state)
{
    (void)state;
    assert_int_equal(int4_packed_bytes(32, SIZE_MAX, 2), 0);
    assert_int_equal(int4_packed_bytes(32, 2, SIZE_MAX), 0);
    assert_int_equal(int4_packed_bytes(32, SIZE_MAX / 8, SIZE_MAX / 8), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounds_within_its_bound),
        cmocka_unit_test(holds_what_has_16_even_steps),
        cmocka_unit_test(takes_five_bits_a_weight),
        cmocka_unit_test(expands_to_what_pack_makes),
        cmocka_unit_test(expands_any_part),
        cmocka_unit_test(a_nan_stays_one),
        cmocka_unit_test(refuses_sizes_that_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
