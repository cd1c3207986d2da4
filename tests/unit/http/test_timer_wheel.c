/* Timers over a made-up clock. */
#include "unit.h"

#include "http/connection/timer_wheel.h"

#define TICK TIMER_WHEEL_TICK_NS
#define COUNT 500

static int64_t random_ns(uint64_t *seed, int64_t below)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (int64_t)((*seed >> 33) % (uint64_t)below);
}

static void none_is_early_and_none_is_late(void **state)
{
    (void)state;
    static wheel_timer timers[COUNT];
    static int64_t due_ns[COUNT];
    timer_wheel wheel;
    uint64_t seed = 7;
    int64_t now_ns = 123456789012;
    timer_wheel_init(&wheel, now_ns);
    assert_int_equal(timer_wheel_wait_ms(&wheel, now_ns), -1);
    for (size_t i = 0; i < COUNT; i++) {
        due_ns[i] = now_ns + random_ns(&seed, 1000 * TICK); /* beyond the wheel's end, too */
        timer_wheel_set(&wheel, &timers[i], due_ns[i]);
    }
    for (size_t left = COUNT; left > 0;) {
        const int wait_ms = timer_wheel_wait_ms(&wheel, now_ns);
        assert_true(wait_ms >= 0);
        now_ns += (int64_t)wait_ms * 1000000 + random_ns(&seed, 1000);
        for (const wheel_timer *due; (due = timer_wheel_expire(&wheel, now_ns)) != NULL; left--) {
            const size_t i = (size_t)(due - timers);
            assert_true(due_ns[i] <= now_ns && now_ns - due_ns[i] <= 2 * TICK);
            assert_null(due->link);
        }
        for (size_t n = 0; n < 3; n++) { /* some are moved, some put off */
            const size_t i = (size_t)random_ns(&seed, COUNT);
            if (timers[i].link == NULL)
                continue;
            due_ns[i] = now_ns + random_ns(&seed, 50 * TICK);
            timer_wheel_set(&wheel, &timers[i], due_ns[i]);
        }
    }
    assert_int_equal(wheel.count, 0);
    assert_int_equal(timer_wheel_wait_ms(&wheel, now_ns), -1);
}

static void cancelled_ones_do_not_come(void **state)
{
    (void)state;
    timer_wheel wheel;
    wheel_timer first = {0}, second = {0};
    timer_wheel_init(&wheel, 0);
    timer_wheel_cancel(&wheel, &first); /* was never set */
    timer_wheel_set(&wheel, &first, 5 * TICK);
    timer_wheel_set(&wheel, &second, 5 * TICK);
    timer_wheel_set(&wheel, &first, TIMER_WHEEL_NEVER);
    assert_ptr_equal(timer_wheel_expire(&wheel, 7 * TICK), &second);
    assert_null(timer_wheel_expire(&wheel, 7 * TICK));
    timer_wheel_set(&wheel, &first, 6 * TICK); /* is over already */
    assert_ptr_equal(timer_wheel_expire(&wheel, 9 * TICK), &first);
}

/* A process that was stopped for hours does not turn the wheel for hours. */
static void a_long_pause_is_passed_over(void **state)
{
    (void)state;
    timer_wheel wheel;
    wheel_timer first = {0}, second = {0};
    const int64_t hours_ns = INT64_C(100) * 3600 * 1000000000;
    timer_wheel_init(&wheel, 0);
    timer_wheel_set(&wheel, &first, 5 * TICK);
    timer_wheel_set(&wheel, &second, hours_ns + 5 * TICK);
    assert_ptr_equal(timer_wheel_expire(&wheel, hours_ns), &first);
    assert_null(timer_wheel_expire(&wheel, hours_ns));
    assert_ptr_equal(timer_wheel_expire(&wheel, hours_ns + 7 * TICK), &second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_is_early_and_none_is_late),
        cmocka_unit_test(cancelled_ones_do_not_come),
        cmocka_unit_test(a_long_pause_is_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
