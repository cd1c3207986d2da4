#include "unit.h"

#include "base/clock.h"
#include "serving/watchdog.h"

#define PERIOD_NS (200 * NS_PER_MS)
#define START_NS (1000 * NS_PER_S)

static stuck_watch w;

static int set_up(void **state)
{
    (void)state;
    stuck_watch_init(&w, PERIOD_NS);
    return 0;
}

static void counts_a_pass_that_does_not_end(void **state)
{
    (void)state;
    for (int64_t age_ns = PERIOD_NS; age_ns <= 60 * NS_PER_S; age_ns += PERIOD_NS)
        assert_int_equal(stuck_watch_tick(&w, START_NS + age_ns, age_ns), age_ns);
}

static void forgives_an_age_known_to_the_millisecond(void **state)
{
    (void)state;
    stuck_watch_tick(&w, START_NS + PERIOD_NS, PERIOD_NS);
    assert_int_equal(stuck_watch_tick(&w, START_NS + 2 * PERIOD_NS + NS_PER_MS / 2, 2 * PERIOD_NS),
                     2 * PERIOD_NS + NS_PER_MS / 2);
}

static void begins_anew_with_another_pass(void **state)
{
    (void)state;
    stuck_watch_tick(&w, START_NS + PERIOD_NS, PERIOD_NS);
    assert_int_equal(stuck_watch_tick(&w, START_NS + 2 * PERIOD_NS, PERIOD_NS / 2), PERIOD_NS / 2);
    assert_int_equal(stuck_watch_tick(&w, START_NS + 3 * PERIOD_NS, 0), 0);
    assert_int_equal(stuck_watch_tick(&w, START_NS + 4 * PERIOD_NS, PERIOD_NS / 4), PERIOD_NS / 4);
}

static void does_not_count_the_time_that_the_process_was_stopped(void **state)
{
    (void)state;
    const int64_t hour_ns = 3600 * NS_PER_S;
    stuck_watch_tick(&w, START_NS + PERIOD_NS, PERIOD_NS);
    assert_true(stuck_watch_tick(&w, START_NS + hour_ns, hour_ns) < 2 * NS_PER_S);
    /* A pass that began right before the stop and was never seen. */
    stuck_watch_tick(&w, START_NS + 2 * hour_ns, 0);
    assert_true(stuck_watch_tick(&w, START_NS + 3 * hour_ns, hour_ns - NS_PER_S) < 2 * NS_PER_S);
}

/* It had run for a second before the stop, and does not end afterwards. */
static void counts_on_after_the_process_was_stopped(void **state)
{
    (void)state;
    const int64_t hour_ns = 3600 * NS_PER_S;
    int64_t age_ns = 0, counted_ns = 0;
    for (; age_ns < NS_PER_S; age_ns += PERIOD_NS)
        stuck_watch_tick(&w, START_NS + age_ns, age_ns);
    for (age_ns += hour_ns; age_ns <= hour_ns + 60 * NS_PER_S; age_ns += PERIOD_NS)
        counted_ns = stuck_watch_tick(&w, START_NS + age_ns, age_ns);
    assert_true(counted_ns >= 59 * NS_PER_S && counted_ns <= 61 * NS_PER_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(counts_a_pass_that_does_not_end, set_up),
        cmocka_unit_test_setup(forgives_an_age_known_to_the_millisecond, set_up),
        cmocka_unit_test_setup(begins_anew_with_another_pass, set_up),
        cmocka_unit_test_setup(does_not_count_the_time_that_the_process_was_stopped, set_up),
        cmocka_unit_test_setup(counts_on_after_the_process_was_stopped, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
