#include "scheduler/rig.h"

static void drops_cancelled_work_before_its_pass(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(1, 10, 1000, 1 << 20);
    outcome a, b, c;
    fake_close_gate(&enc);
    submit_one(s, "a", &a);
    fake_wait_entered(&enc, 1);
    submit_one(s, "b", &b);
    submit_one(s, "c", &c);
    scheduler_cancel(b.request);
    scheduler_cancel(b.request);
    scheduler_cancel(a.request); /* in a pass already: it gets its result */
    fake_open_gate(&enc);
    outcome_wait(&a);
    outcome_wait(&b);
    outcome_wait(&c);
    assert_int_equal(a.status, AKI_OK);
    assert_int_equal(b.status, AKI_CANCELLED);
    assert_int_equal(b.calls, 1);
    assert_int_equal(c.status, AKI_OK);
    assert_string_equal(enc.pass_texts[1], "c");
    scheduler_close(s);
}

static void wait_past(int64_t deadline_ns)
{
    while (clock_monotonic_ns() <= deadline_ns)
        sched_yield();
}

static void drops_expired_work_before_its_pass(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(1, 10, 1000, 1 << 20);
    outcome a, b, c;
    fake_close_gate(&enc);
    submit_one(s, "a", &a);
    fake_wait_entered(&enc, 1);
    submit_one(s, "b", &b);
    const char *text = "c";
    outcome_init(&c);
    aki_error error;
    int64_t deadline_ns = clock_monotonic_ns() + 50 * NS_PER_MS;
    aki_status status = submit(s, &text, 1, deadline_ns, &c, &error);
    wait_past(deadline_ns);
    fake_open_gate(&enc);
    outcome_wait(&a);
    outcome_wait(&b);
    assert_int_equal(b.status, AKI_OK);
    assert_string_equal(enc.pass_texts[1], "b");
    if (status == AKI_OK) { /* unless this thread did not run for 50 ms */
        outcome_wait(&c);
        assert_int_equal(c.status, AKI_DEADLINE_EXCEEDED);
        assert_non_null(strstr(c.message, "in the queue"));
    }
    assert_int_equal(enc.passes, 2);
    scheduler_stats stats;
    scheduler_read_stats(s, &stats);
    assert_int_equal(stats.expired, 1);
    scheduler_close(s);
}

static void refuses_what_has_expired_already(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(1, 10, 1000, 1 << 20);
    outcome o;
    outcome_init(&o);
    aki_error error;
    const char *text = "a";
    assert_int_equal(submit(s, &text, 1, clock_monotonic_ns() - 1, &o, &error), AKI_DEADLINE_EXCEEDED);
    assert_null(o.request);
    assert_int_equal(o.calls, 0);
    scheduler_close(s);
}

static void stops_a_request_whose_pass_takes_too_long(void **state)
{
    (void)state;
    fake_init(&enc);
    scheduler_settings settings = {.workers = 1,
                                   .max_queue_requests = 10,
                                   .max_queue_tokens = 10000,
                                   .max_queue_bytes = 1 << 20,
                                   .inference_timeout_ms = 1};
    scheduler *s = NULL;
    aki_error error;
    assert_int_equal(scheduler_open(&s, &enc, &settings, &error), AKI_OK);
    outcome o;
    outcome_init(&o);
    char texts[4][41];
    const char *pointers[4];
    for (size_t i = 0; i < 4; i++) {
        memset(texts[i], (int)('a' + i), 40);
        texts[i][40] = '\0';
        pointers[i] = texts[i];
    }
    fake_close_gate(&enc);
    assert_int_equal(submit(s, pointers, 4, 0, &o, &error), AKI_OK);
    fake_wait_entered(&enc, 1);
    wait_past(clock_monotonic_ns() + NS_PER_MS);
    fake_open_gate(&enc);
    outcome_wait(&o);
    assert_int_equal(o.status, AKI_DEADLINE_EXCEEDED);
    assert_non_null(strstr(o.message, "during inference: one pass took"));
    assert_non_null(strstr(o.message, "2 of 4 texts"));
    assert_int_equal(enc.passes, 1);
    scheduler_close(s);
}

static void finishes_what_is_queued_when_stopped(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(1, 10, 1000, 1 << 20);
    outcome a, b, late;
    submit_one(s, "a", &a);
    submit_one(s, "b", &b);
    scheduler_stop(s, false);
    assert_int_equal(a.calls, 1);
    assert_int_equal(b.calls, 1);
    assert_int_equal(b.status, AKI_OK);
    const char *text = "late";
    outcome_init(&late);
    aki_error error;
    assert_int_equal(submit(s, &text, 1, INT64_MAX, &late, &error), AKI_CANCELLED);
    scheduler_close(s);
    outcome_wait(&a);
    outcome_wait(&b);
}

static void *stop_abandoning(void *argument)
{
    scheduler_stop(argument, true);
    return NULL;
}

static void abandons_what_is_queued_when_told_so(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(1, 1, 1000, 1 << 20);
    outcome a, b, probe;
    fake_close_gate(&enc);
    submit_one(s, "a", &a);
    fake_wait_entered(&enc, 1);
    submit_one(s, "b", &b);
    pthread_t stopper;
    assert_int_equal(pthread_create(&stopper, NULL, stop_abandoning, s), 0);
    /* The queue is full, so that nothing is taken until the stop is seen. */
    const char *text = "probe";
    outcome_init(&probe);
    aki_error error;
    while (submit(s, &text, 1, INT64_MAX, &probe, &error) == AKI_OVERLOADED)
        sched_yield();
    fake_open_gate(&enc);
    pthread_join(stopper, NULL);
    assert_int_equal(a.status, AKI_OK);
    assert_int_equal(b.calls, 1);
    assert_int_equal(b.status, AKI_CANCELLED);
    assert_int_equal(enc.passes, 1);
    scheduler_close(s);
    outcome_wait(&a);
    outcome_wait(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drops_cancelled_work_before_its_pass),
        cmocka_unit_test(drops_expired_work_before_its_pass),
        cmocka_unit_test(refuses_what_has_expired_already),
        cmocka_unit_test(stops_a_request_whose_pass_takes_too_long),
        cmocka_unit_test(finishes_what_is_queued_when_stopped),
        cmocka_unit_test(abandons_what_is_queued_when_told_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
