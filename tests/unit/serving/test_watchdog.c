#include "scheduler/rig.h"

#include "serving/watchdog.h"

static atomic_uint rounds, dead_rounds;
static atomic_bool held; /* blocks the watchdog's thread in its round */

static void on_round(void *cookie, bool alive)
{
    (void)cookie;
    atomic_fetch_add(&rounds, 1);
    atomic_fetch_add(&dead_rounds, !alive);
    while (atomic_load(&held))
        sched_yield();
}

static watchdog *open_watchdog(int64_t stuck_timeout_ms, int64_t probe_interval_ms, size_t memory_limit_bytes)
{
    const watchdog_settings settings = {.stuck_timeout_ms = stuck_timeout_ms,
                                        .probe_interval_ms = probe_interval_ms,
                                        .memory_limit_bytes = memory_limit_bytes,
                                        .on_round = on_round};
    watchdog *w = NULL;
    aki_error error;
    atomic_store(&rounds, 0);
    atomic_store(&dead_rounds, 0);
    assert_int_equal(watchdog_open(&w, &settings, &error), AKI_OK);
    assert_true(atomic_load(&rounds) > 0);
    return w;
}

static watch_target target;

static void only_target(void *cookie, void (*see)(void *see_cookie, watch_target *target), void *see_cookie)
{
    see(see_cookie, cookie);
}

static void watch(watchdog *w, scheduler *s, probe *p)
{
    watch_target_init(&target, s, p);
    watchdog_watch(w, only_target, &target);
}

static void sees_a_worker_that_does_not_come_back(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(1, 10, 1000, 1 << 20);
    watchdog *w = open_watchdog(500, 0, SIZE_MAX);
    outcome waiting;
    watch(w, s, NULL);
    fake_close_gate(&enc);
    submit_one(s, "a", &waiting);
    while (watchdog_alive(w) || atomic_load(&dead_rounds) == 0)
        sched_yield();
    fake_open_gate(&enc);
    outcome_wait(&waiting);
    while (!watchdog_alive(w))
        sched_yield();
    watchdog_close(w);
    scheduler_close(s);
}

static watch_target two[2];

static void both_targets(void *cookie, void (*see)(void *see_cookie, watch_target *target), void *see_cookie)
{
    (void)cookie;
    see(see_cookie, &two[0]);
    see(see_cookie, &two[1]);
}

/* Of two models, the other one goes on. */
static void sees_a_worker_of_any_model(void **state)
{
    (void)state;
    static encoder other;
    aki_error error;
    fake_init(&other);
    const scheduler_settings settings = {
        .workers = 1, .max_queue_requests = 10, .max_queue_tokens = 1000, .max_queue_bytes = 1 << 20};
    scheduler *idle;
    scheduler *s = open_scheduler(1, 10, 1000, 1 << 20);
    assert_int_equal(scheduler_open(&idle, &other, &settings, &error), AKI_OK);
    watchdog *w = open_watchdog(500, 0, SIZE_MAX);
    outcome waiting;
    watch_target_init(&two[0], s, NULL);
    watch_target_init(&two[1], idle, NULL);
    watchdog_watch(w, both_targets, NULL);
    fake_close_gate(&enc);
    submit_one(s, "a", &waiting);
    while (watchdog_alive(w))
        sched_yield();
    fake_open_gate(&enc);
    outcome_wait(&waiting);
    while (!watchdog_alive(w))
        sched_yield();
    watchdog_close(w);
    scheduler_close(s);
    scheduler_close(idle);
}

/* The pass that it helped with is over, and its leader waits for work. */
static void sees_a_helper_that_does_not_come_back(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(2, 10, 1000, 1 << 20);
    watchdog *w = open_watchdog(500, 0, SIZE_MAX);
    outcome done;
    watch(w, s, NULL);
    fake_close_gate(&enc);
    fake_set_help_gate(&enc, true);
    submit_one(s, "a", &done);
    fake_wait_helpers(&enc, 1);
    fake_open_gate(&enc);
    outcome_wait(&done);
    while (watchdog_alive(w))
        sched_yield();
    fake_set_help_gate(&enc, false);
    while (!watchdog_alive(w))
        sched_yield();
    watchdog_close(w);
    scheduler_close(s);
}

/* After a pause of the process the last round is long ago, and health may be asked for before the next one. */
static void a_late_round_proves_nothing_at_first_sight(void **state)
{
    (void)state;
    const int64_t limit_ms = 300;
    watchdog *w = open_watchdog(limit_ms, 0, SIZE_MAX);
    atomic_store(&held, true);
    const unsigned before = atomic_load(&rounds);
    while (atomic_load(&rounds) == before)
        sched_yield();
    const int64_t until_ns = clock_monotonic_ns() + 3 * limit_ms * NS_PER_MS;
    while (clock_monotonic_ns() < until_ns)
        usleep(1000);
    assert_true(watchdog_alive(w));
    while (watchdog_alive(w)) /* but one that does not come however long one asks */
        sched_yield();
    atomic_store(&held, false);
    while (!watchdog_alive(w))
        sched_yield();
    watchdog_close(w);
}

static void compares_memory_with_the_limit(void **state)
{
    (void)state;
    watchdog *w = open_watchdog(60000, 0, 1);
    assert_false(watchdog_memory_fits(w));
    assert_true(watchdog_memory_bytes(w) > 1);
    assert_int_equal(watchdog_budget(w).resident_bytes > 1, 1);
    watchdog_stop(w);
    assert_false(watchdog_memory_fits(w)); /* can still be asked */
    watchdog_close(w);
    watchdog_stop(NULL);
    watchdog_close(NULL);
}

static void begins_probes_again_and_again(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(1, 10, 1000, 1 << 20);
    watchdog *w = open_watchdog(60000, 10, SIZE_MAX);
    probe *p = NULL;
    const float *vector;
    aki_error error;
    assert_int_equal(probe_open(&p, (log_sink){0}, &error), AKI_OK);
    assert_int_equal(probe_first(p, s, &enc, AKI_PRECISION_FP32, &vector, &error), AKI_OK);
    watch(w, s, p);
    while (probe_count(p).right < 3)
        sched_yield();
    assert_int_equal(probe_count(p).wrong, 0);
    watchdog_close(w);
    scheduler_close(s);
    probe_close(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sees_a_worker_that_does_not_come_back),
        cmocka_unit_test(sees_a_worker_of_any_model),
        cmocka_unit_test(sees_a_helper_that_does_not_come_back),
        cmocka_unit_test(a_late_round_proves_nothing_at_first_sight),
        cmocka_unit_test(compares_memory_with_the_limit),
        cmocka_unit_test(begins_probes_again_and_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
