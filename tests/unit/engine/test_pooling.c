#include "unit.h"

#include "engine/pooling.h"

#include <math.h>

static const float hidden[3][4] = {{1, -2, 3, 0}, {2, -1, -6, 0}, {6, 0, 0, 3}};

static void pools_by_the_three_rules(void **state)
{
    (void)state;
    float v[4];
    pooling_apply(AKI_POOLING_MEAN, &hidden[0][0], 3, 4, v);
    assert_true(v[0] == 3 && v[1] == -1 && v[2] == -1 && v[3] == 1);
    pooling_apply(AKI_POOLING_CLS, &hidden[0][0], 3, 4, v);
    assert_memory_equal(v, hidden[0], sizeof v);
    pooling_apply(AKI_POOLING_MAX, &hidden[0][0], 3, 4, v);
    assert_true(v[0] == 6 && v[1] == 0 && v[2] == 3 && v[3] == 3);
    for (int pooling = AKI_POOLING_MEAN; pooling <= AKI_POOLING_MAX; pooling++) {
        pooling_apply((aki_pooling)pooling, &hidden[1][0], 1, 4, v);
        assert_memory_equal(v, hidden[1], sizeof v);
    }
}

static void normalizes_to_length_one_and_leaves_zero_alone(void **state)
{
    (void)state;
    float v[2] = {3, 4}, zero[2] = {0, 0}, large[2] = {3e30F, 4e30F};
    pooling_normalize(v, 2);
    assert_true(fabsf(v[0] - 0.6F) < 1e-7F && fabsf(v[1] - 0.8F) < 1e-7F);
    pooling_normalize(zero, 2);
    assert_true(zero[0] == 0 && zero[1] == 0);
    pooling_normalize(large, 2); /* squares beyond float's range */
    assert_true(fabsf(large[0] - 0.6F) < 1e-6F);
}

/* Lengths of every magnitude: beyond 8.5e37 one over the length is denormal as an f32. */
static void normalizes_every_magnitude_to_all_bits(void **state)
{
    (void)state;
    for (int exponent = -11; exponent <= 38; exponent++) {
        float v[384], expected[384];
        double squares = 0;
        for (size_t i = 0; i < 384; i++) {
            v[i] = (float)(cos((double)i) * pow(10.0, exponent) * 3.0);
            squares += (double)v[i] * v[i];
        }
        for (size_t i = 0; i < 384; i++)
            expected[i] = (float)(v[i] / sqrt(squares));
        pooling_normalize(v, 384);
        for (size_t i = 0; i < 384; i++)
            assert_true(fabsf(v[i] - expected[i]) <= 2e-7F * fabsf(expected[i]));
    }
}

static void a_mean_whose_sum_overflows_is_the_mean(void **state)
{
    (void)state;
    float large[5][3], v[3];
    for (size_t t = 0; t < 5; t++) {
        large[t][0] = 3e38F;
        large[t][1] = -3e38F;
        large[t][2] = t < 4 ? 3e38F : -3e38F;
    }
    pooling_apply(AKI_POOLING_MEAN, &large[0][0], 5, 3, v);
    assert_true(v[0] == 3e38F && v[1] == -3e38F && fabsf(v[2] - 1.8e38F) < 1e32F);
}

static void a_nan_or_infinity_in_any_token_is_seen(void **state)
{
    (void)state;
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t b = 0; b < 3; b++)
        for (size_t token = 0; token < 3; token++) {
            float copy[3][4], v[4];
            memcpy(copy, hidden, sizeof copy);
            copy[token][2] = bad[b];
            pooling_apply(AKI_POOLING_MEAN, &copy[0][0], 3, 4, v);
            assert_false(pooling_is_finite(v, 4));
            if (isnan(bad[b])) {
                pooling_apply(AKI_POOLING_MAX, &copy[0][0], 3, 4, v);
                assert_false(pooling_is_finite(v, 4));
            }
        }
    assert_true(pooling_is_finite(hidden[0], 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pools_by_the_three_rules),
        cmocka_unit_test(normalizes_to_length_one_and_leaves_zero_alone),
        cmocka_unit_test(normalizes_every_magnitude_to_all_bits),
        cmocka_unit_test(a_mean_whose_sum_overflows_is_the_mean),
        cmocka_unit_test(a_nan_or_infinity_in_any_token_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
