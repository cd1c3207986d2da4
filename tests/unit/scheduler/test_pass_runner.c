#include "scheduler/rig.h"

#include "scheduler/fake_device.h"

#define PATIENT_MS 60000

static unsigned opens_at = 2; /* failures that open the breaker */

/* A scheduler with the fake device in front of the fake encoder, which is the CPU. */
static scheduler *open_chain(bool cpu_fallback, int64_t timeout_ms, int64_t cooldown_ms)
{
    fake_init(&enc);
    enc.beyond = fake_device_open();
    scheduler_resilience resilience;
    scheduler_resilience_init(&resilience);
    resilience.breaker.failures = opens_at;
    resilience.breaker.cooldown_ns = resilience.breaker.cooldown_max_ns = cooldown_ms * NS_PER_MS;
    resilience.breaker.window_ns = 3600 * NS_PER_S;
    resilience.retry.first_delay_ns = NS_PER_MS;
    resilience.device_timeout_ms = timeout_ms;
    resilience.cpu_fallback = cpu_fallback;
    scheduler_settings settings = {.workers = 1,
                                   .max_queue_requests = 100,
                                   .max_queue_tokens = 10000,
                                   .max_queue_bytes = 1 << 20,
                                   .resilience = &resilience};
    scheduler *s = NULL;
    aki_error error;
    assert_int_equal(scheduler_open(&s, &enc, &settings, &error), AKI_OK);
    return s;
}

static void close_chain(scheduler *s)
{
    scheduler_close(s);
    assert_true(device_close(enc.beyond, PATIENT_MS, NULL));
    assert_int_equal(fake.states, 0);
}

static outcome ask(scheduler *s, const char *text)
{
    outcome o;
    submit_one(s, text, &o);
    outcome_wait(&o);
    return o;
}

static void assert_by(const outcome *o, const char *text, scheduler_level level)
{
    assert_int_equal(o->status, AKI_OK);
    assert_int_equal(o->served_by, level);
    const bool gpu = level == SCHEDULER_LEVEL_GPU || level == SCHEDULER_LEVEL_CACHE;
    assert_true(o->first[0] == sum_of(text) + (float)(gpu ? FAKE_DEVICE_OFFSET : 0));
}

static scheduler_device device_of(scheduler *s, scheduler_level level)
{
    scheduler_device of;
    assert_true(scheduler_read_device(s, level, &of));
    return of;
}

static void asks_the_device_first(void **state)
{
    (void)state;
    scheduler *s = open_chain(true, PATIENT_MS, 1);
    outcome o = ask(s, "first");
    assert_by(&o, "first", SCHEDULER_LEVEL_GPU);
    assert_int_equal(o.device_attempts, 1);
    assert_int_equal(o.device_times.transfer_out_ns, 300);
    assert_int_equal(enc.passes, 0);
    assert_int_equal(scheduler_primary(s), SCHEDULER_LEVEL_GPU);
    scheduler_device of = device_of(s, SCHEDULER_LEVEL_GPU);
    assert_string_equal(of.name, "fake");
    assert_int_equal(of.counts.calls[BREAKER_SUCCESS], 1);
    close_chain(s);
}

static void falls_to_the_cpu_at_each_failure(void **state)
{
    (void)state;
    static const device_status outcomes[] = {DEVICE_UNAVAILABLE, DEVICE_OUT_OF_MEMORY, DEVICE_TIMEOUT,
                                             DEVICE_NOT_FINITE, DEVICE_FAILED};
    for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++) {
        scheduler *s = open_chain(true, PATIENT_MS, 1);
        fake_fail(outcomes[i], 1);
        outcome o = ask(s, "once");
        assert_by(&o, "once", SCHEDULER_LEVEL_CPU);
        assert_int_equal(o.device_attempts, 2);
        o = ask(s, "again");
        assert_by(&o, "again", SCHEDULER_LEVEL_GPU);
        scheduler_stats stats;
        scheduler_read_stats(s, &stats);
        assert_int_equal(stats.fallbacks[SCHEDULER_LEVEL_CPU], 1);
        assert_int_equal(stats.retries, 0);
        assert_int_equal(device_of(s, SCHEDULER_LEVEL_GPU).counts.calls[BREAKER_FAILURE], 1);
        /* What may have lost its memory starts anew; what merely lacks memory keeps it. */
        const bool kept = outcomes[i] == DEVICE_OUT_OF_MEMORY || outcomes[i] == DEVICE_NOT_FINITE;
        assert_int_equal(fake.states_opened, kept ? 1 : 2);
        close_chain(s);
    }
}

static void does_not_blame_the_device_for_what_it_cannot_take(void **state)
{
    (void)state;
    scheduler *s = open_chain(true, PATIENT_MS, 1);
    fake_fail(DEVICE_INVALID, UINT32_MAX);
    for (unsigned i = 0; i < 5; i++) {
        outcome o = ask(s, "odd");
        assert_by(&o, "odd", SCHEDULER_LEVEL_CPU);
    }
    scheduler_device of = device_of(s, SCHEDULER_LEVEL_GPU);
    assert_int_equal(of.state, BREAKER_CLOSED);
    assert_int_equal(of.counts.calls[BREAKER_IGNORED], 5);
    close_chain(s);
}

static void leaves_a_failing_device_alone(void **state)
{
    (void)state;
    scheduler *s = open_chain(true, PATIENT_MS, 3600000);
    fake_fail(DEVICE_FAILED, 2);
    for (unsigned i = 0; i < 5; i++) {
        outcome o = ask(s, "a");
        assert_by(&o, "a", SCHEDULER_LEVEL_CPU);
    }
    assert_int_equal(fake_calls(), 2);
    assert_int_equal(scheduler_breaker_state(s), BREAKER_OPEN);
    assert_int_equal(scheduler_device_wait_ms(s), 0); /* the CPU can */
    assert_true(device_of(s, SCHEDULER_LEVEL_GPU).wait_ms > 0);
    assert_int_equal(device_of(s, SCHEDULER_LEVEL_GPU).counts.not_permitted, 3);
    scheduler_reset_breakers(s);
    assert_int_equal(scheduler_breaker_state(s), BREAKER_CLOSED);
    outcome o = ask(s, "b");
    assert_by(&o, "b", SCHEDULER_LEVEL_GPU);
    close_chain(s);
}

static void never_takes_the_last_device_out_of_use(void **state)
{
    (void)state;
    scheduler *s = open_chain(false, PATIENT_MS, 3600000);
    assert_false(scheduler_force_breaker(s, BREAKER_FORCED_OPEN));
    assert_int_equal(device_of(s, SCHEDULER_LEVEL_GPU).state, BREAKER_CLOSED);
    assert_true(scheduler_force_breaker(s, BREAKER_DISABLED));
    outcome o = ask(s, "a");
    assert_by(&o, "a", SCHEDULER_LEVEL_GPU);
    close_chain(s);
}

static void does_as_an_operator_says_until_the_reset(void **state)
{
    (void)state;
    scheduler *s = open_chain(true, PATIENT_MS, 3600000);
    assert_true(scheduler_force_breaker(s, BREAKER_FORCED_OPEN));
    assert_int_equal(scheduler_breaker_state(s), BREAKER_OPEN);
    outcome o = ask(s, "a");
    assert_by(&o, "a", SCHEDULER_LEVEL_CPU);
    assert_int_equal(fake_calls(), 0);
    assert_int_equal(device_of(s, SCHEDULER_LEVEL_GPU).state, BREAKER_FORCED_OPEN);
    assert_int_equal(device_of(s, SCHEDULER_LEVEL_CPU).state, BREAKER_CLOSED);
    fake_fail(DEVICE_FAILED, 5);
    assert_true(scheduler_force_breaker(s, BREAKER_DISABLED));
    for (unsigned i = 0; i < 5; i++)
        ask(s, "b"); /* two would have opened it */
    assert_int_equal(fake_calls(), 5);
    fake_fail(DEVICE_FAILED, 2);
    assert_true(scheduler_force_breaker(s, BREAKER_METRICS_ONLY));
    for (unsigned i = 0; i < 2; i++)
        ask(s, "c");
    assert_int_equal(device_of(s, SCHEDULER_LEVEL_GPU).counts.would_have_opened, 1);
    assert_false(scheduler_force_breaker(s, BREAKER_HALF_OPEN));
    scheduler_reset_breakers(s);
    assert_int_equal(device_of(s, SCHEDULER_LEVEL_GPU).state, BREAKER_CLOSED);
    o = ask(s, "d");
    assert_by(&o, "d", SCHEDULER_LEVEL_GPU);
    close_chain(s);
}

static void comes_back_to_a_device_that_recovers(void **state)
{
    (void)state;
    scheduler *s = open_chain(true, PATIENT_MS, 1);
    fake_fail(DEVICE_UNAVAILABLE, 2);
    ask(s, "a");
    ask(s, "b");
    outcome o;
    do
        o = ask(s, "c");
    while (o.served_by != SCHEDULER_LEVEL_GPU || scheduler_breaker_state(s) != BREAKER_CLOSED);
    assert_by(&o, "c", SCHEDULER_LEVEL_GPU);
    close_chain(s);
}

/* A scheduler with a call that hangs in the device, and how many passes were given up for it: a lane whose thread had no turn
 * in time is given up before it makes a call. */
static scheduler *open_hung(unsigned *given_up)
{
    opens_at = FAILURE_WINDOW_MAX;
    scheduler *s = open_chain(true, 20, 3600000);
    opens_at = 2;
    fake_hang(true);
    *given_up = 0;
    do {
        outcome o = ask(s, "hung");
        assert_by(&o, "hung", SCHEDULER_LEVEL_CPU);
        ++*given_up;
    } while (fake_calls() == 0);
    return s;
}

static void gives_up_a_call_that_hangs(void **state)
{
    (void)state;
    unsigned given_up;
    scheduler *s = open_hung(&given_up);
    scheduler_stats stats;
    scheduler_read_stats(s, &stats);
    assert_int_equal(stats.device_calls_given_up, given_up);
    assert_true(stats.device_calls_out >= 1);
    assert_int_equal(device_of(s, SCHEDULER_LEVEL_GPU).counts.calls[BREAKER_FAILURE], given_up);
    fake_hang(false); /* it comes back, long after its request is gone */
    do {
        sched_yield();
        scheduler_read_stats(s, &stats);
    } while (stats.device_calls_out > 0);
    close_chain(s);
}

static void outlives_a_call_that_is_out_when_it_closes(void **state)
{
    (void)state;
    unsigned given_up;
    scheduler *s = open_hung(&given_up);
    scheduler_close(s);
    assert_false(device_close(enc.beyond, 1, NULL));
    fake_hang(false);
    assert_true(device_close(enc.beyond, PATIENT_MS, NULL));
}

static void tells_that_the_only_device_hangs(void **state)
{
    (void)state;
    scheduler *s = open_chain(false, 20, 3600000);
    fake_hang(true);
    outcome o = ask(s, "hung"); /* twice: it is the last device, whose second failure opens the breaker */
    assert_int_equal(o.status, AKI_UNAVAILABLE);
    assert_non_null(strstr(o.message, "device fake: it did not answer within 20 ms"));
    assert_int_equal(o.device_attempts, 2);
    assert_int_equal(scheduler_breaker_state(s), BREAKER_OPEN);
    fake_hang(false);
    close_chain(s);
}

static void tries_the_last_device_again(void **state)
{
    (void)state;
    scheduler *s = open_chain(false, PATIENT_MS, 1);
    fake_fail(DEVICE_UNAVAILABLE, 1);
    outcome o = ask(s, "retried");
    assert_by(&o, "retried", SCHEDULER_LEVEL_GPU);
    assert_int_equal(o.device_attempts, 2);
    scheduler_stats stats;
    scheduler_read_stats(s, &stats);
    assert_int_equal(stats.retries, 1);
    fake_fail(DEVICE_OUT_OF_MEMORY, 1); /* would fail the same way */
    const unsigned before = fake_calls();
    o = ask(s, "too large");
    assert_int_equal(o.status, AKI_OUT_OF_MEMORY);
    assert_int_equal(fake_calls(), before + 1);
    close_chain(s);
}

static void answers_from_the_cache_when_nothing_computes(void **state)
{
    (void)state;
    scheduler *s = open_chain(false, PATIENT_MS, 3600000);
    outcome o = ask(s, "known");
    assert_by(&o, "known", SCHEDULER_LEVEL_GPU);
    o = ask(s, "known"); /* that cache is for hard times only */
    assert_by(&o, "known", SCHEDULER_LEVEL_GPU);
    assert_int_equal(fake_calls(), 2);
    fake_fail(DEVICE_FAILED, UINT32_MAX);
    o = ask(s, "new");
    assert_int_equal(o.status, AKI_UNAVAILABLE);
    assert_int_equal(scheduler_breaker_state(s), BREAKER_OPEN);
    const unsigned calls = fake_calls();
    o = ask(s, "known");
    assert_by(&o, "known", SCHEDULER_LEVEL_CACHE);
    o = ask(s, "new");
    assert_int_equal(o.status, AKI_UNAVAILABLE);
    assert_non_null(strstr(o.message, "circuit breaker of device fake is open"));
    assert_int_equal(fake_calls(), calls);
    assert_true(scheduler_device_wait_ms(s) > 0);
    scheduler_stats stats;
    scheduler_read_stats(s, &stats);
    assert_int_equal(stats.fallbacks[SCHEDULER_LEVEL_CACHE], 1);
    assert_int_equal(stats.fallbacks[SCHEDULER_LEVEL_NONE], 2);
    close_chain(s);
}

static void computes_in_parts_what_is_too_much_for_the_cpu(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(1, 10, 1000, 1 << 20);
    enc.cpu_texts = 2;
    const char *texts[] = {"a", "bc", "def", "g", "hi"};
    outcome o;
    outcome_init(&o);
    aki_error error;
    assert_int_equal(submit(s, texts, 5, INT64_MAX, &o, &error), AKI_OK);
    outcome_wait(&o);
    assert_int_equal(o.status, AKI_OK);
    assert_int_equal(enc.passes, 3);
    assert_string_equal(enc.pass_texts[0], "ab");
    assert_string_equal(enc.pass_texts[2], "h");
    for (size_t i = 0; i < 5; i++)
        assert_true(o.first[i] == sum_of(texts[i]));
    scheduler_close(s);
}

static void guards_the_cpu_alone_as_well(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(1, 10, 1000, 1 << 20);
    assert_int_equal(scheduler_primary(s), SCHEDULER_LEVEL_CPU);
    outcome o = ask(s, "!"); /* not finite: the text's own fault */
    assert_int_equal(o.status, AKI_NOT_FINITE);
    assert_int_equal(device_of(s, SCHEDULER_LEVEL_CPU).counts.calls[BREAKER_IGNORED], 1);
    enc.outcome = AKI_MODEL_CHANGED;
    for (unsigned i = 0; i < breaker_defaults.failures; i++) {
        o = ask(s, "a");
        assert_int_equal(o.status, AKI_MODEL_CHANGED);
    }
    assert_int_equal(scheduler_breaker_state(s), BREAKER_OPEN);
    o = ask(s, "a");
    assert_int_equal(o.status, AKI_UNAVAILABLE);
    scheduler_device of;
    assert_false(scheduler_read_device(s, SCHEDULER_LEVEL_GPU, &of));
    scheduler_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_the_device_first),
        cmocka_unit_test(falls_to_the_cpu_at_each_failure),
        cmocka_unit_test(does_not_blame_the_device_for_what_it_cannot_take),
        cmocka_unit_test(leaves_a_failing_device_alone),
        cmocka_unit_test(never_takes_the_last_device_out_of_use),
        cmocka_unit_test(does_as_an_operator_says_until_the_reset),
        cmocka_unit_test(comes_back_to_a_device_that_recovers),
        cmocka_unit_test(gives_up_a_call_that_hangs),
        cmocka_unit_test(outlives_a_call_that_is_out_when_it_closes),
        cmocka_unit_test(tells_that_the_only_device_hangs),
        cmocka_unit_test(tries_the_last_device_again),
        cmocka_unit_test(answers_from_the_cache_when_nothing_computes),
        cmocka_unit_test(computes_in_parts_what_is_too_much_for_the_cpu),
        cmocka_unit_test(guards_the_cpu_alone_as_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
