#include "scheduler/rig.h"

#include "scheduler/scheduler_internal.h"

static void computes_each_text_in_its_place(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(2, 10, 1000, 1 << 20);
    const char *texts[] = {"a", "bb", "ccc",
                           "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"};
    outcome o;
    outcome_init(&o);
    aki_error error;
    assert_int_equal(submit(s, texts, 4, INT64_MAX, &o, &error), AKI_OK);
    outcome_wait(&o);
    assert_int_equal(o.status, AKI_OK);
    assert_int_equal(o.count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_float_equal(o.first[i], sum_of(texts[i]), 0);
    assert_int_equal(o.tokens[2], 3);
    assert_false(o.truncated[2]);
    assert_int_equal(o.tokens[3], FAKE_MAX_TOKENS);
    assert_true(o.truncated[3]);
    scheduler_close(s);
}

static void serves_in_order_and_joins_requests_in_a_pass(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(1, 10, 1000, 1 << 20);
    outcome a, b, c, d;
    fake_close_gate(&enc);
    submit_one(s, "a", &a);
    fake_wait_entered(&enc, 1);
    submit_one(s, "b", &b);
    submit_one(s, "c", &c);
    submit_one(s, "d", &d);
    fake_open_gate(&enc);
    outcome_wait(&a);
    outcome_wait(&b);
    outcome_wait(&c);
    outcome_wait(&d);
    assert_int_equal(enc.passes, 2);
    assert_string_equal(enc.pass_texts[0], "a");
    assert_string_equal(enc.pass_texts[1], "bcd");
    scheduler_close(s);
}

static void spreads_a_large_request_over_passes_within_the_budget(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(1, 10, 10000, 1 << 20);
    const char *texts[12];
    char storage[12][41];
    for (size_t i = 0; i < 12; i++) {
        memset(storage[i], (int)('a' + i), 40);
        storage[i][40] = '\0';
        texts[i] = storage[i];
    }
    outcome o;
    outcome_init(&o);
    aki_error error;
    assert_int_equal(submit(s, texts, 12, INT64_MAX, &o, &error), AKI_OK);
    outcome_wait(&o);
    assert_int_equal(enc.passes, 6);
    for (size_t i = 0; i < enc.passes; i++)
        assert_int_equal(enc.pass_tokens[i], 80); /* a third text of 40 does not fit 100 */
    assert_string_equal(enc.pass_texts[5], "kl");
    for (size_t i = 0; i < 12; i++)
        assert_float_equal(o.first[i], sum_of(texts[i]), 0);
    scheduler_close(s);
}

static void shares_a_request_among_idle_workers(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(2, 10, 10000, 1 << 20);
    /* The first pass waits at the gate until a second worker brings another: together they hold the request. */
    fake_close_gate(&enc);
    const char *texts[] = {
        "0123456789012345678901234567890123456789", "1123456789012345678901234567890123456789",
        "2123456789012345678901234567890123456789", "3123456789012345678901234567890123456789"};
    outcome o;
    outcome_init(&o);
    aki_error error;
    assert_int_equal(submit(s, texts, 4, INT64_MAX, &o, &error), AKI_OK);
    fake_wait_entered(&enc, 2);
    fake_open_gate(&enc);
    outcome_wait(&o);
    assert_int_equal(o.status, AKI_OK);
    assert_int_equal(enc.passes, 2);
    assert_int_equal(enc.pass_tokens[0] + enc.pass_tokens[1], 160);
    scheduler_close(s);
}

static void fills_passes_for_a_device_that_wants_it(void **state)
{
    (void)state;
    fake_init(&enc);
    enc.fills_passes = true;
    scheduler_settings settings = {
        .workers = 4, .max_queue_requests = 10, .max_queue_tokens = 10000, .max_queue_bytes = 1 << 20};
    scheduler *s = NULL;
    aki_error error;
    assert_int_equal(scheduler_open(&s, &enc, &settings, &error), AKI_OK);
    const char *texts[] = {"0123456789012345678901234", "1123456789012345678901234",
                           "2123456789012345678901234", "3123456789012345678901234"};
    outcome o;
    outcome_init(&o);
    assert_int_equal(submit(s, texts, 4, INT64_MAX, &o, &error), AKI_OK);
    outcome_wait(&o);
    assert_int_equal(o.status, AKI_OK);
    assert_int_equal(enc.passes, 1); /* whoever else waits */
    assert_int_equal(enc.pass_tokens[0], FAKE_PASS_TOKENS);
    scheduler_close(s);
}

static void waits_for_more_where_a_window_is_set(void **state)
{
    (void)state;
    fake_init(&enc);
    scheduler_settings settings = {.workers = 1,
                                   .max_queue_requests = 100,
                                   .max_queue_tokens = 10000,
                                   .max_queue_bytes = 1 << 20,
                                   .batch_window_ms = 3600000};
    scheduler *s = NULL;
    aki_error error;
    assert_int_equal(scheduler_open(&s, &enc, &settings, &error), AKI_OK);
    outcome a, b, c;
    char forty[41], sixty[61];
    memset(forty, 'b', 40);
    memset(sixty, 'c', 60);
    forty[40] = sixty[60] = '\0';
    submit_one(s, "a", &a);
    submit_one(s, forty, &b);
    submit_one(s, sixty, &c); /* cut to 50: with these, less than a pass of 100 */
    assert_int_equal(a.calls + b.calls + c.calls, 0);
    outcome d;
    submit_one(s, "0123456789", &d); /* a full pass begins at once */
    outcome_wait(&a);
    outcome_wait(&b);
    outcome_wait(&c);
    assert_string_equal(enc.pass_texts[0], "abc");
    outcome e;
    submit_one(s, "e", &e);
    scheduler_stop(s, false); /* and nothing waits for the window when stopped */
    outcome_wait(&d);
    outcome_wait(&e);
    assert_int_equal(e.status, AKI_OK);
    scheduler_close(s);
}

static void estimates_the_backlog_and_the_longest_absence(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(1, 10, 1000, 1 << 20);
    assert_int_equal(scheduler_backlog_ms(s), 0);
    assert_int_equal(scheduler_longest_absence_ms(s), 0);
    outcome a, b;
    fake_close_gate(&enc);
    submit_one(s, "a", &a);
    fake_wait_entered(&enc, 1);
    while (scheduler_longest_absence_ms(s) < 2)
        usleep(200);
    fake_open_gate(&enc);
    outcome_wait(&a);
    fake_close_gate(&enc);
    submit_one(s, "1234567890", &a);
    fake_wait_entered(&enc, 2);
    submit_one(s, "1234567890", &b);
    /* one token took at least 2 ms: 20 tokens take at least 40 */
    assert_true(scheduler_backlog_ms(s) >= 40);
    fake_open_gate(&enc);
    outcome_wait(&a);
    outcome_wait(&b);
    scheduler_close(s);
}

typedef struct crowd {
    scheduler *s;
    atomic_uint done;
    unsigned seed;
} crowd;

static void count_done(void *cookie, scheduler_request *request, const scheduler_result *result)
{
    crowd *c = cookie;
    (void)result;
    scheduler_request_free(request);
    atomic_fetch_add(&c->done, 1);
}

#define CROWD_REQUESTS 300

static void *submit_many(void *argument)
{
    crowd *c = argument;
    for (unsigned i = 0; i < CROWD_REQUESTS; i++) {
        aki_text texts[3] = {text_of("one"), text_of("two two"), text_of("three three three")};
        aki_error error;
        scheduler_request *request;
        scheduler_submission submission = {.texts = texts,
                                           .count = 1 + (unsigned)rand_r(&c->seed) % 3,
                                           .deadline_ns =
                                               rand_r(&c->seed) % 8 == 0 ? clock_monotonic_ns() : 0,
                                           .done = count_done,
                                           .cookie = c};
        aki_status status;
        do
            status = scheduler_submit(c->s, &submission, &request, &error);
        while (status == AKI_OVERLOADED);
        if (status == AKI_DEADLINE_EXCEEDED) /* before it could be queued */
            atomic_fetch_add(&c->done, 1);
        else
            assert_int_equal(status, AKI_OK);
    }
    return NULL;
}

/* Members with cache lines of their own must have them. */
static void is_aligned_as_its_type_asks(void **state)
{
    (void)state;
    scheduler *s[8];
    for (size_t i = 0; i < 8; i++) {
        s[i] = open_scheduler(1, 10, 1000, 1 << 20);
        assert_int_equal((uintptr_t)s[i] % _Alignof(struct scheduler), 0);
    }
    for (size_t i = 0; i < 8; i++)
        scheduler_close(s[i]);
}

static void tells_every_submitter_exactly_once(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(3, 20, 100, 1 << 20);
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    crowd crowds[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        crowds[i] = (crowd){.s = s, .seed = i};
        assert_int_equal(pthread_create(&threads[i], NULL, submit_many, &crowds[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    scheduler_stop(s, false);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(atomic_load(&crowds[i].done), CROWD_REQUESTS);
    scheduler_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(computes_each_text_in_its_place),
        cmocka_unit_test(serves_in_order_and_joins_requests_in_a_pass),
        cmocka_unit_test(spreads_a_large_request_over_passes_within_the_budget),
        cmocka_unit_test(shares_a_request_among_idle_workers),
        cmocka_unit_test(fills_passes_for_a_device_that_wants_it),
        cmocka_unit_test(waits_for_more_where_a_window_is_set),
        cmocka_unit_test(estimates_the_backlog_and_the_longest_absence),
        cmocka_unit_test(is_aligned_as_its_type_asks),
        cmocka_unit_test(tells_every_submitter_exactly_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
