#include "unit.h"

#include "resilience/jitter.h"

#include <stdbool.h>

static void is_the_published_sequence(void **state)
{
    (void)state;
    jitter j;
    jitter_init(&j, 1234567); /* the values of the algorithm's published test vector */
    const uint64_t expected[] = {UINT64_C(6457827717110365317), UINT64_C(3203168211198807973),
                                 UINT64_C(9817491932198370423), UINT64_C(4593380528125082431),
                                 UINT64_C(16408922859458223821)};
    for (size_t i = 0; i < 5; i++)
        assert_true(jitter_next(&j) == expected[i]);
}

static void stays_between_and_reaches_both_ends(void **state)
{
    (void)state;
    jitter j;
    jitter_init(&j, 7);
    bool seen[5] = {false};
    for (int i = 0; i < 1000; i++) {
        int64_t x = jitter_between(&j, -2, 2);
        assert_true(x >= -2 && x <= 2);
        seen[x + 2] = true;
    }
    for (size_t i = 0; i < 5; i++)
        assert_true(seen[i]);
    assert_int_equal(jitter_between(&j, 9, 9), 9);
    (void)jitter_between(&j, INT64_MIN, INT64_MAX);
}

static void spreads_retries_and_never_calls_back_too_soon(void **state)
{
    (void)state;
    jitter j;
    jitter_init(&j, 42);
    const int64_t waits[] = {0, 100, 999, 1000, 2500, 60000, INT64_MAX};
    for (size_t w = 0; w < sizeof waits / sizeof waits[0]; w++) {
        int64_t wait_ms = waits[w] < 100 ? 100 : waits[w] > 37500 ? 37500 : waits[w];
        double least = 1e18, most = 0, sum = 0, least_s = 1e18, most_s = 0, sum_s = 0;
        for (int i = 0; i < 1000; i++) {
            retry_after after = jitter_retry_after(&j, waits[w]);
            assert_true(after.ms >= wait_ms);
            assert_true(after.seconds * 1000 >= after.ms);
            assert_in_range(after.seconds, 1, 60);
            least = after.ms < least ? (double)after.ms : least;
            most = after.ms > most ? (double)after.ms : most;
            least_s = after.seconds < least_s ? (double)after.seconds : least_s;
            most_s = after.seconds > most_s ? (double)after.seconds : most_s;
            sum += (double)after.ms / 1000;
            sum_s += (double)after.seconds / 1000;
        }
        assert_true(least < sum * 0.8 && most > sum * 1.2);
        assert_true(least_s < sum_s * 0.8 && most_s > sum_s * 1.2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_the_published_sequence),
        cmocka_unit_test(stays_between_and_reaches_both_ends),
        cmocka_unit_test(spreads_retries_and_never_calls_back_too_soon),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
