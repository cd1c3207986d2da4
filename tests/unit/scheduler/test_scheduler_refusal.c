#include "scheduler/rig.h"

static void refuses_what_does_not_fit_the_queue(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(1, 2, 60, 1 << 20);
    outcome a, b, c, d;
    aki_error error;
    fake_close_gate(&enc);
    submit_one(s, "a", &a);
    fake_wait_entered(&enc, 1);
    const char *two[] = {"0123456789012345678901234567890123456789",
                         "0123456789012345678901234567890123456789"};
    outcome_init(&b);
    assert_int_equal(submit(s, two, 2, INT64_MAX, &b, &error), AKI_OK); /* alone: over the limit, but taken */
    outcome_init(&c);
    assert_int_equal(submit(s, two, 1, INT64_MAX, &c, &error), AKI_OVERLOADED);
    assert_non_null(strstr(error.message, "60"));
    assert_null(c.request);
    fake_open_gate(&enc);
    outcome_wait(&a);
    outcome_wait(&b);

    fake_close_gate(&enc);
    submit_one(s, "a", &a);
    fake_wait_entered(&enc, 3);
    submit_one(s, "b", &b);
    submit_one(s, "c", &c);
    const char *one = "d";
    outcome_init(&d);
    assert_int_equal(submit(s, &one, 1, INT64_MAX, &d, &error), AKI_OVERLOADED);
    assert_non_null(strstr(error.message, "2 requests"));
    fake_open_gate(&enc);
    outcome_wait(&a);
    outcome_wait(&b);
    outcome_wait(&c);
    submit_one(s, "d", &d);
    outcome_wait(&d);
    assert_int_equal(d.status, AKI_OK);
    scheduler_close(s);
}

static void bounds_the_bytes_under_way(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(1, 100, 1000, 700);
    outcome a, b;
    fake_close_gate(&enc);
    submit_one(s, "a", &a);
    fake_wait_entered(&enc, 1);
    const char *texts[] = {"1", "2", "3", "4", "5", "6", "7", "8", "9", "0"};
    outcome_init(&b);
    aki_error error;
    assert_int_equal(submit(s, texts, 10, INT64_MAX, &b, &error), AKI_OVERLOADED);
    assert_non_null(strstr(error.message, "700"));
    fake_open_gate(&enc);
    outcome_wait(&a);
    assert_int_equal(submit(s, texts, 10, INT64_MAX, &b, &error), AKI_OK);
    outcome_wait(&b);
    scheduler_close(s);
}

static void refuses_bad_texts_on_the_spot(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(1, 10, 1000, 1 << 20);
    outcome o;
    outcome_init(&o);
    aki_error error;
    const char *texts[] = {"a", ""};
    assert_int_equal(submit(s, texts, 2, INT64_MAX, &o, &error), AKI_EMPTY_TEXT);
    assert_int_equal(error.text_index, 1);
    assert_int_equal(submit(s, texts, 0, INT64_MAX, &o, &error), AKI_INVALID_ARGUMENT);
    char text_of_60[61];
    memset(text_of_60, 'x', 60);
    text_of_60[60] = '\0';
    aki_text spans[] = {text_of("short"), text_of(text_of_60)};
    scheduler_request *request;
    scheduler_submission submission = {
        .texts = spans, .count = 2, .options = {.refuse_long = true}, .done = on_done, .cookie = &o};
    assert_int_equal(scheduler_submit(s, &submission, &request, &error), AKI_TEXT_TOO_LONG);
    assert_int_equal(error.text_index, 1);
    assert_null(request);
    assert_int_equal(o.calls, 0);
    scheduler_close(s);
}
static void measure_slow_passes(scheduler *s, unsigned passes)
{
    outcome o;
    fake_close_gate(&enc);
    submit_one(s, "0123456789", &o);
    fake_wait_entered(&enc, passes);
    while (scheduler_longest_absence_ms(s) < 20)
        usleep(200);
    fake_open_gate(&enc);
    outcome_wait(&o);
}

/* 10 tokens take 20 ms and more; 10 are in a pass and 40 wait: what comes now waits for about 100 ms. */
static void refuses_what_would_wait_for_too_long(void **state)
{
    (void)state;
    fake_init(&enc);
    scheduler_settings settings = {.workers = 1,
                                   .max_queue_requests = 100,
                                   .max_queue_tokens = 10000,
                                   .max_queue_bytes = 1 << 20,
                                   .max_queue_wait_ms = 60};
    scheduler *s = NULL;
    aki_error error;
    assert_int_equal(scheduler_open(&s, &enc, &settings, &error), AKI_OK);
    measure_slow_passes(s, 1);
    outcome running, waiting, o;
    fake_close_gate(&enc);
    submit_one(s, "0123456789", &running);
    fake_wait_entered(&enc, 2);
    submit_one(s, "0123456789012345678901234567890123456789", &waiting);
    aki_text text = text_of("x");
    scheduler_submission submission = {.texts = &text, .count = 1, .done = on_done, .cookie = &o};
    outcome_init(&o);
    assert_int_equal(scheduler_submit(s, &submission, &o.request, &error), AKI_OVERLOADED);
    assert_non_null(strstr(error.message, "may wait for 60 ms"));
    submission.priority = SCHEDULER_PRIORITY_BULK; /* no hurry, but a deadline */
    submission.deadline_ns = clock_monotonic_ns() + 50 * NS_PER_MS;
    assert_int_equal(scheduler_submit(s, &submission, &o.request, &error), AKI_OVERLOADED);
    submission.deadline_ns = 0;
    assert_int_equal(scheduler_submit(s, &submission, &o.request, &error), AKI_OK);
    fake_open_gate(&enc);
    outcome_wait(&running);
    outcome_wait(&waiting);
    outcome_wait(&o);
    scheduler_stats stats;
    scheduler_read_stats(s, &stats);
    assert_int_equal(stats.refused_wait, 2);
    assert_int_equal(stats.bulk.requests, 1);
    assert_int_equal(stats.interactive.requests, 3);
    assert_int_equal(stats.interactive.in_flight + stats.bulk.in_flight, 0);
    scheduler_close(s);
}

static void limits_the_requests_in_flight_where_asked(void **state)
{
    (void)state;
    fake_init(&enc);
    scheduler_settings settings = {.workers = 1,
                                   .max_queue_requests = 100,
                                   .max_queue_tokens = 10000,
                                   .max_queue_bytes = 1 << 20,
                                   .adaptive_limit = true};
    scheduler *s = NULL;
    aki_error error;
    assert_int_equal(scheduler_open(&s, &enc, &settings, &error), AKI_OK);
    scheduler_stats stats;
    scheduler_read_stats(s, &stats);
    enum { MOST = 64 };
    outcome taken[MOST], o;
    size_t limit = stats.interactive.in_flight_limit;
    assert_true(limit > 0 && limit <= MOST);
    fake_close_gate(&enc);
    for (size_t i = 0; i < limit; i++)
        submit_one(s, "a", &taken[i]);
    const char *text = "a";
    outcome_init(&o);
    assert_int_equal(submit(s, &text, 1, 0, &o, &error), AKI_OVERLOADED);
    assert_non_null(strstr(error.message, "in flight"));
    fake_open_gate(&enc);
    for (size_t i = 0; i < limit; i++)
        outcome_wait(&taken[i]);
    assert_int_equal(submit(s, &text, 1, 0, &o, &error), AKI_OK);
    outcome_wait(&o);
    scheduler_read_stats(s, &stats);
    assert_int_equal(stats.refused_limit, 1);
    scheduler_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_does_not_fit_the_queue),
        cmocka_unit_test(bounds_the_bytes_under_way),
        cmocka_unit_test(refuses_bad_texts_on_the_spot),
        cmocka_unit_test(refuses_what_would_wait_for_too_long),
        cmocka_unit_test(limits_the_requests_in_flight_where_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
