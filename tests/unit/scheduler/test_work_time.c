#include "unit.h"

#include "base/clock.h"
#include "scheduler/work_time.h"

#define MS NS_PER_MS
#define FULL 512

/* Two workers, each a full pass in 512 ms: two tokens a millisecond together. */
static work_time measured(int64_t least_ns, int64_t most_ns)
{
    work_time w = {.workers = 2, .full_pass_tokens = FULL, .least_ns = least_ns, .most_ns = most_ns};
    for (int i = 0; i < 30; i++)
        work_time_measure(&w, FULL, 512 * MS);
    assert_int_equal(work_time_estimate_ns(&w, 2000), 1000 * MS);
    return w;
}

static void assert_near(int64_t ns, int64_t expected_ns)
{
    assert_in_range(ns, expected_ns - 1000, expected_ns + 1000);
}

static void knows_nothing_before_a_long_pass(void **state)
{
    (void)state;
    work_time w = {.workers = 2, .full_pass_tokens = FULL, .least_ns = MS, .most_ns = 0};
    aki_error error;
    work_time_measure(&w, 0, 1000 * MS);
    work_time_measure(&w, FULL / 4 - 1, 1000 * MS);
    assert_int_equal(work_time_estimate_ns(&w, 1000000), 0);
    assert_true(work_time_deadline_ns(&w, 5, 1000000, 7) == INT64_MAX);
    assert_int_equal(work_time_check(&w, 1000, 1000000, 1, &error), AKI_OK);
    w.most_ns = 300;
    assert_int_equal(work_time_deadline_ns(&w, 5, 1000000, 7), 305);
    work_time_measure(&w, FULL / 4, 128 * MS);
    assert_int_equal(work_time_estimate_ns(&w, 2000), 1000 * MS);
}

/* Not measured: queries alone, whose passes read all weights for a few tokens. Measured in part only: one pass in
 * which the machine stood still. */
static void is_not_misled_by_single_passes(void **state)
{
    (void)state;
    work_time w = measured(0, 0);
    for (int i = 0; i < 1000; i++)
        work_time_measure(&w, 8, 512 * MS);
    assert_near(work_time_estimate_ns(&w, 2000), 1000 * MS);
    work_time_measure(&w, FULL, 3600 * 1000 * MS);
    assert_true(work_time_estimate_ns(&w, 2000) < 1200 * MS);
    for (int i = 0; i < 100; i++)
        work_time_measure(&w, FULL, 512 * MS);
    assert_true(work_time_estimate_ns(&w, 2000) < 1002 * MS);
    for (int i = 0; i < 100; i++) /* a device below that is twenty times slower */
        work_time_measure(&w, FULL, 20 * 512 * MS);
    assert_true(work_time_estimate_ns(&w, 2000) > 19 * 1000 * MS);
}

static void allows_twice_the_estimate_between_its_bounds(void **state)
{
    (void)state;
    work_time w = measured(500 * MS, 6000 * MS);
    assert_int_equal(work_time_deadline_ns(&w, 100, 100, 100), 100 + 500 * MS);    /* 50 ms of work */
    assert_near(work_time_deadline_ns(&w, 100, 2000, 100), 100 + 2000 * MS);       /* a second */
    assert_int_equal(work_time_deadline_ns(&w, 100, 20000, 100), 100 + 6000 * MS); /* ten */
    /* A quarter is done after a second: at that pace all takes four. */
    assert_near(work_time_deadline_ns(&w, 100, 1500, 100 + 1000 * MS), 100 + 3500 * MS);
}

/* A request that shares the workers with any number of others expires only at the upper bound, while its turns come. */
static void never_ends_what_goes_on_by_turns(void **state)
{
    (void)state;
    work_time w = measured(0, 0);
    for (int64_t sharers = 1; sharers <= 64; sharers *= 2) {
        const int64_t pass_ns = sharers * FULL * MS / 2;
        int64_t now_ns = 0, until_ns = 0;
        for (size_t left = 100 * FULL; left > 0; left -= FULL, now_ns += pass_ns) {
            const int64_t next_ns = work_time_deadline_ns(&w, 0, left, now_ns);
            until_ns = next_ns > until_ns ? next_ns : until_ns;
            assert_true(until_ns > now_ns + (left > (size_t)sharers * FULL ? pass_ns : 0));
        }
    }
}

static void refuses_what_cannot_be_done_and_says_how_much_can(void **state)
{
    (void)state;
    work_time w = measured(0, 10000 * MS);
    aki_error error;
    assert_int_equal(work_time_check(&w, 100, 20000, INT64_MAX, &error), AKI_OK); /* 10 s */
    assert_int_equal(work_time_check(&w, 100, 20100, INT64_MAX, &error), AKI_REQUEST_TOO_LONG);
    assert_non_null(strstr(error.message, "100 texts (20100 tokens)"));
    assert_non_null(strstr(error.message, "the service allows 10.0 s, in which about 89 "));
    assert_int_equal(work_time_check(&w, 100, 20000, 5000 * MS, &error), AKI_REQUEST_TOO_LONG);
    assert_non_null(strstr(error.message, "takes about 10.0 s"));
    assert_non_null(strstr(error.message, "the caller's time leaves 5.0 s, in which about 45 "));
    assert_int_equal(work_time_check(&w, 45, 9000, 5000 * MS, &error), AKI_OK);
    /* A pass for each worker is computed whatever the speed seems to be: it is measured again by that. */
    assert_int_equal(work_time_check(&w, 4, 2 * FULL, 1, &error), AKI_OK);
    assert_int_equal(work_time_check(&w, 4, 2 * FULL + 1, 1, &error), AKI_REQUEST_TOO_LONG);
}

static void is_careful_while_it_knows_little(void **state)
{
    (void)state;
    work_time w = {.workers = 2, .full_pass_tokens = FULL, .most_ns = 10000 * MS};
    aki_error error;
    work_time_measure(&w, FULL, 512 * MS);
    assert_int_equal(work_time_check(&w, 100, 40000, INT64_MAX, &error), AKI_OK); /* 20 s */
    assert_int_equal(work_time_check(&w, 100, 40100, INT64_MAX, &error), AKI_REQUEST_TOO_LONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_nothing_before_a_long_pass),
        cmocka_unit_test(is_not_misled_by_single_passes),
        cmocka_unit_test(allows_twice_the_estimate_between_its_bounds),
        cmocka_unit_test(never_ends_what_goes_on_by_turns),
        cmocka_unit_test(refuses_what_cannot_be_done_and_says_how_much_can),
        cmocka_unit_test(is_careful_while_it_knows_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
