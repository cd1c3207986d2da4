#include "scheduler/rig.h"

#include "scheduler/fake_device.h"
#include "serving/probe.h"

/* A precision whose tolerance accepts the fake device's offset. */
#define FAKE_PRECISION AKI_PRECISION_INT8

static probe *open_probe(scheduler *s)
{
    probe *p = NULL;
    const float *vector = NULL;
    aki_error error;
    assert_int_equal(probe_open(&p, (log_sink){0}, &error), AKI_OK);
    assert_int_equal(probe_last(p), PROBE_UNKNOWN);
    assert_int_equal(probe_first(p, s, &enc, FAKE_PRECISION, &vector, &error), AKI_OK);
    assert_true(vector[3] == vector[0] + 3);
    assert_int_equal(probe_last(p), PROBE_RIGHT);
    return p;
}

static void close_both(scheduler *s, probe *p)
{
    scheduler_close(s);
    probe_close(p);
}

static uint64_t ended(const probe *p)
{
    return probe_count(p).right + probe_count(p).wrong;
}

/* Begins one and waits for its end. */
static probe_outcome look_again(probe *p, scheduler *s)
{
    const uint64_t before = ended(p);
    while (ended(p) == before) {
        probe_begin(p, s);
        sched_yield();
    }
    return probe_last(p);
}

static void bend(float by, aki_status status)
{
    pthread_mutex_lock(&enc.lock);
    enc.bend = by;
    enc.outcome = status;
    pthread_mutex_unlock(&enc.lock);
}

/* A scheduler whose breakers cool down in a millisecond and close at the second success; with the fake device where asked. */
static scheduler *open_quick(bool beyond, bool cpu_fallback, size_t cache_bytes)
{
    fake_init(&enc);
    if (beyond)
        enc.beyond = fake_device_open();
    scheduler_resilience resilience;
    scheduler_resilience_init(&resilience);
    resilience.breaker.cooldown_ns = resilience.breaker.cooldown_max_ns = NS_PER_MS;
    resilience.device_timeout_ms = 60000;
    resilience.cpu_fallback = cpu_fallback;
    const scheduler_settings settings = {.workers = 2,
                                         .max_queue_requests = 100,
                                         .max_queue_tokens = 10000,
                                         .max_queue_bytes = 1 << 20,
                                         .cache_bytes = cache_bytes,
                                         .resilience = &resilience};
    scheduler *s = NULL;
    aki_error error;
    assert_int_equal(scheduler_open(&s, &enc, &settings, &error), AKI_OK);
    return s;
}

static void close_quick(scheduler *s, probe *p)
{
    close_both(s, p);
    assert_true(device_close(enc.beyond, 60000, NULL));
}

static scheduler_device device_of(scheduler *s, scheduler_level level)
{
    scheduler_device of;
    assert_true(scheduler_read_device(s, level, &of));
    return of;
}

static void wait_half_open(scheduler *s)
{
    while (scheduler_breaker_state(s) == BREAKER_OPEN)
        sched_yield();
}

/* The vector of a text, and who served it. */
static float ask(scheduler *s, const char *text, aki_status status, scheduler_level level)
{
    outcome o;
    submit_one(s, text, &o);
    outcome_wait(&o);
    assert_int_equal(o.status, status);
    assert_int_equal(o.served_by, level);
    return o.first[0];
}

#define GPU(text) (sum_of(text) + FAKE_DEVICE_OFFSET)
#define NONSENSE 1e6F

static void a_wrong_device_is_not_used_and_what_it_cached_is_computed_again(void **state)
{
    (void)state;
    scheduler *s = open_quick(true, true, 1 << 20);
    probe *p = open_probe(s);
    assert_true(ask(s, "good", AKI_OK, SCHEDULER_LEVEL_GPU) == GPU("good"));
    assert_int_equal(look_again(p, s), PROBE_RIGHT);
    fake_bend(NONSENSE);
    assert_true(ask(s, "spoilt", AKI_OK, SCHEDULER_LEVEL_GPU) == GPU("spoilt") + NONSENSE);
    assert_true(ask(s, "spoilt", AKI_OK, SCHEDULER_LEVEL_CACHE) == GPU("spoilt") + NONSENSE);

    assert_int_equal(look_again(p, s), PROBE_WRONG);
    assert_int_equal(device_of(s, SCHEDULER_LEVEL_GPU).wrong, 1);
    assert_int_equal(device_of(s, SCHEDULER_LEVEL_CPU).wrong, 0);
    scheduler_stats stats;
    scheduler_read_stats(s, &stats);
    assert_int_equal(stats.cache.dropped, 1);
    assert_true(ask(s, "spoilt", AKI_OK, SCHEDULER_LEVEL_CPU) == sum_of("spoilt"));
    assert_true(ask(s, "good", AKI_OK, SCHEDULER_LEVEL_CACHE) ==
                GPU("good")); /* from before the last good probe */

    /* Requests do not use the device; the probe finds it wrong again and falls to the CPU, which is right. */
    wait_half_open(s);
    assert_true(ask(s, "spoilt", AKI_OK, SCHEDULER_LEVEL_CPU) == sum_of("spoilt"));
    assert_int_equal(look_again(p, s), PROBE_WRONG);
    assert_int_equal(device_of(s, SCHEDULER_LEVEL_GPU).wrong, 2);

    fake_bend(0);
    wait_half_open(s);
    while (scheduler_breaker_state(s) != BREAKER_CLOSED) {
        assert_true(ask(s, "spoilt", AKI_OK, SCHEDULER_LEVEL_CPU) == sum_of("spoilt"));
        assert_int_equal(look_again(p, s), PROBE_RIGHT);
    }
    assert_true(ask(s, "spoilt", AKI_OK, SCHEDULER_LEVEL_GPU) == GPU("spoilt"));
    assert_true(ask(s, "spoilt", AKI_OK, SCHEDULER_LEVEL_CACHE) == GPU("spoilt"));
    close_quick(s, p);
}

/* The CPU is the last device: requests are refused, unless the cache has a confirmed result. */
static void a_wrong_last_device_answers_nothing(void **state)
{
    (void)state;
    for (int beyond = 0; beyond < 2; beyond++) {
        scheduler *s = open_quick(beyond, false, 1 << 20);
        probe *p = open_probe(s);
        const scheduler_level level = beyond ? SCHEDULER_LEVEL_GPU : SCHEDULER_LEVEL_CPU;
        const float good = ask(s, "good", AKI_OK, level);
        assert_int_equal(look_again(p, s), PROBE_RIGHT);
        fake_bend(NONSENSE);
        bend(NONSENSE, AKI_OK);
        ask(s, "spoilt", AKI_OK, level);
        assert_int_equal(look_again(p, s), PROBE_WRONG);
        ask(s, "spoilt", AKI_UNAVAILABLE, SCHEDULER_LEVEL_NONE);
        assert_true(ask(s, "good", AKI_OK, SCHEDULER_LEVEL_CACHE) == good);
        fake_bend(0);
        bend(0, AKI_OK);
        while (scheduler_breaker_state(s) != BREAKER_CLOSED)
            look_again(p, s);
        assert_int_equal(probe_last(p), PROBE_RIGHT);
        ask(s, "spoilt", AKI_OK, level);
        close_quick(s, p);
    }
}

/* A pass under way on the device when it was found wrong is computed again by the next device. */
static void a_pass_under_way_on_a_wrong_device_is_not_used(void **state)
{
    (void)state;
    scheduler *s = open_quick(true, true, 1 << 20);
    probe *p = open_probe(s);
    fake_bend(NONSENSE);
    outcome first;
    const unsigned calls = fake_hold_next();
    submit_one(s, "first", &first);
    while (fake_calls() == calls)
        sched_yield();
    assert_int_equal(look_again(p, s), PROBE_WRONG); /* by the other worker */
    fake_release();
    outcome_wait(&first);
    assert_int_equal(first.served_by, SCHEDULER_LEVEL_CPU);
    assert_true(first.first[0] == sum_of("first"));
    close_quick(s, p);
}

static void a_device_that_is_wrong_from_the_start_is_found(void **state)
{
    (void)state;
    scheduler *s = open_quick(true, true, 0);
    fake_bend(NONSENSE);
    probe *p = NULL;
    const float *vector = NULL;
    aki_error error;
    assert_int_equal(probe_open(&p, (log_sink){0}, &error), AKI_OK);
    assert_int_equal(probe_first(p, s, &enc, FAKE_PRECISION, &vector, &error), AKI_OK);
    assert_true(vector[3] == vector[0] + 3); /* the CPU's */
    assert_int_equal(device_of(s, SCHEDULER_LEVEL_GPU).wrong, 1);
    ask(s, "text", AKI_OK, SCHEDULER_LEVEL_CPU);
    close_quick(s, p);
}

/* An operator's decision wins: a reset lets requests use the device, and a forced state is kept. */
static void an_operator_decides_about_a_wrong_device(void **state)
{
    (void)state;
    scheduler *s = open_quick(true, true, 0);
    probe *p = open_probe(s);
    fake_bend(NONSENSE);
    assert_int_equal(look_again(p, s), PROBE_WRONG);
    scheduler_reset_breakers(s);
    ask(s, "a", AKI_OK, SCHEDULER_LEVEL_GPU);
    assert_true(scheduler_force_breaker(s, BREAKER_DISABLED));
    assert_int_equal(look_again(p, s), PROBE_WRONG);
    assert_int_equal(device_of(s, SCHEDULER_LEVEL_GPU).state, BREAKER_DISABLED);
    ask(s, "b", AKI_OK, SCHEDULER_LEVEL_GPU);
    close_quick(s, p);
}

static void tells_a_wrong_vector_and_a_failure_from_a_right_one(void **state)
{
    (void)state;
    scheduler *s = open_quick(false, false, 0);
    probe *p = open_probe(s);
    assert_int_equal(look_again(p, s), PROBE_RIGHT);
    bend(1e6F, AKI_OK);
    while (look_again(p, s) != PROBE_WRONG) /* one that was begun before may still end */
        ;
    bend(0, AKI_OK);
    while (look_again(p, s) != PROBE_RIGHT)
        ;
    bend(0, AKI_MODEL_CHANGED);
    while (look_again(p, s) != PROBE_WRONG)
        ;
    bend(0, AKI_OK);
    while (look_again(p, s) != PROBE_RIGHT)
        ;
    close_both(s, p);
}

static void waits_under_load_and_is_not_refused(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(1, 1, 1000, 1 << 20);
    probe *p = open_probe(s);
    outcome running, waiting, refused;
    fake_close_gate(&enc);
    const unsigned entered = enc.entered;
    submit_one(s, "a", &running);
    fake_wait_entered(&enc, entered + 1);
    submit_one(s, "b", &waiting);
    outcome_init(&refused);
    const char *text = "c";
    aki_error error;
    assert_int_equal(submit(s, &text, 1, 0, &refused, &error), AKI_OVERLOADED);
    probe_begin(p, s);
    probe_begin(p, s);                            /* one at a time */
    assert_int_equal(probe_last(p), PROBE_RIGHT); /* nothing is known yet that says otherwise */
    assert_int_equal(ended(p), 0);
    fake_open_gate(&enc);
    outcome_wait(&running);
    outcome_wait(&waiting);
    while (ended(p) == 0)
        sched_yield();
    assert_int_equal(probe_last(p), PROBE_RIGHT);
    close_both(s, p);
}

static void a_service_that_stops_says_nothing(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(1, 10, 1000, 1 << 20);
    probe *p = open_probe(s);
    scheduler_stop(s, true);
    probe_begin(p, s);
    probe_begin(p, s);
    assert_int_equal(probe_last(p), PROBE_RIGHT);
    assert_int_equal(ended(p), 0);
    close_both(s, p);
    probe_close(NULL);
}

static void a_first_one_that_fails_is_reported(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(1, 10, 1000, 1 << 20);
    probe *p = NULL;
    const float *vector;
    aki_error error;
    bend(0, AKI_MODEL_CHANGED);
    assert_int_equal(probe_open(&p, (log_sink){0}, &error), AKI_OK);
    assert_int_equal(probe_first(p, s, &enc, FAKE_PRECISION, &vector, &error), AKI_MODEL_CHANGED);
    assert_non_null(strstr(error.message, "fails as told"));
    assert_int_equal(probe_last(p), PROBE_UNKNOWN);
    close_both(s, p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_a_wrong_vector_and_a_failure_from_a_right_one),
        cmocka_unit_test(a_wrong_device_is_not_used_and_what_it_cached_is_computed_again),
        cmocka_unit_test(a_wrong_last_device_answers_nothing),
        cmocka_unit_test(a_pass_under_way_on_a_wrong_device_is_not_used),
        cmocka_unit_test(a_device_that_is_wrong_from_the_start_is_found),
        cmocka_unit_test(an_operator_decides_about_a_wrong_device),
        cmocka_unit_test(waits_under_load_and_is_not_refused),
        cmocka_unit_test(a_service_that_stops_says_nothing),
        cmocka_unit_test(a_first_one_that_fails_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
