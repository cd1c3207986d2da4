#include "unit.h"

#include "serving/vector_check.h"

#include <math.h>

static void measures_the_angle_alone(void **state)
{
    (void)state;
    const float a[2] = {1, 0}, b[2] = {0, 2}, c[2] = {3, 3}, none[2] = {0, 0};
    assert_true(vector_cosine(a, a, 2) == 1);
    assert_true(vector_cosine(a, b, 2) == 0);
    assert_true(fabs(vector_cosine(a, c, 2) - sqrt(0.5)) < 1e-12);
    assert_true(isnan(vector_cosine(a, none, 2)));
}

static void lets_rounding_pass_and_nothing_else(void **state)
{
    (void)state;
    const float expected[2] = {1, 0}, near[2] = {1, 0.01F}, far[2] = {1, 0.02F}, wrong[2] = {NAN, 0},
                none[2] = {0, 0};
    assert_true(vector_agrees(expected, expected, 2));
    assert_true(vector_agrees(near, expected, 2));
    assert_false(vector_agrees(far, expected, 2));
    assert_false(vector_agrees(wrong, expected, 2));
    assert_false(vector_agrees(none, expected, 2));
}

static void asks_most_of_the_widest_precision(void **state)
{
    (void)state;
    assert_true(vector_least_cosine(AKI_PRECISION_FP32) > vector_least_cosine(AKI_PRECISION_BF16));
    assert_true(vector_least_cosine(AKI_PRECISION_BF16) > vector_least_cosine(AKI_PRECISION_INT8));
    assert_true(vector_least_cosine(AKI_PRECISION_INT8) > vector_least_cosine(AKI_PRECISION_INT4));
}

static void compares_logits_by_their_difference(void **state)
{
    (void)state;
    const float expected[1] = {0.001F}, near[1] = {-0.001F}, far[1] = {0.1F}, wrong[1] = {NAN};
    const float large[2] = {40, -1}, larger[2] = {40.5F, -1};
    assert_true(vector_logits_agree(near, expected, 1, AKI_PRECISION_FP32, false));
    assert_false(vector_logits_agree(far, expected, 1, AKI_PRECISION_FP32, false));
    assert_false(vector_logits_agree(wrong, expected, 1, AKI_PRECISION_FP32, false));
    assert_true(vector_logits_agree(far, expected, 1, AKI_PRECISION_BF16, true));
    assert_true(vector_logits_agree(larger, large, 2, AKI_PRECISION_FP32, false));
}

static void has_a_reference_of_length_1(void **state)
{
    (void)state;
    double square = 0;
    for (size_t i = 0; i < REFERENCE_DIMENSION; i++)
        square += (double)reference_vector[i] * reference_vector[i];
    assert_true(fabs(square - 1) < 1e-6);
    assert_int_equal(strlen(reference_weights_sha256), 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measures_the_angle_alone),
        cmocka_unit_test(lets_rounding_pass_and_nothing_else),
        cmocka_unit_test(asks_most_of_the_widest_precision),
        cmocka_unit_test(compares_logits_by_their_difference),
        cmocka_unit_test(has_a_reference_of_length_1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
