#include "unit.h"

#include "scheduler/fake_encoder.h"

#include "base/clock.h"
#include "scheduler/scheduler.h"

#include <sched.h>
#include <stdatomic.h>

/* What `done` saw of one request, and the way to wait for it. */
typedef struct outcome {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned calls;
    aki_status status;
    size_t text_index;
    float first[64]; /* of each vector */
    uint32_t tokens[64];
    bool truncated[64];
    size_t count;
    size_t item_errors;
    scheduler_item_error items[8];
    scheduler_request *request;
} outcome;

static void outcome_init(outcome *o)
{
    memset(o, 0, sizeof *o);
    pthread_mutex_init(&o->lock, NULL);
    pthread_cond_init(&o->changed, NULL);
}

static void on_done(void *cookie, scheduler_request *request, const scheduler_result *result)
{
    outcome *o = cookie;
    pthread_mutex_lock(&o->lock);
    o->calls++;
    o->status = result->status;
    o->text_index = result->error.text_index;
    o->count = result->count;
    o->item_errors = result->item_errors_count;
    for (size_t i = 0; i < result->item_errors_count && i < 8; i++)
        o->items[i] = result->item_errors[i];
    for (size_t i = 0; i < result->count && i < 64; i++) {
        o->first[i] = result->vectors[i * FAKE_DIMENSION];
        o->tokens[i] = result->info[i].tokens;
        o->truncated[i] = result->info[i].truncated;
    }
    pthread_cond_signal(&o->changed);
    pthread_mutex_unlock(&o->lock);
    (void)request;
}

static void outcome_wait(outcome *o)
{
    pthread_mutex_lock(&o->lock);
    while (o->calls == 0)
        pthread_cond_wait(&o->changed, &o->lock);
    pthread_mutex_unlock(&o->lock);
    scheduler_request_free(o->request);
    o->request = NULL;
}

static aki_text text_of(const char *text)
{
    return (aki_text){text, strlen(text)};
}

static float sum_of(const char *text)
{
    float sum = 0;
    for (size_t i = 0; i < strlen(text) && i < FAKE_MAX_TOKENS; i++)
        sum += (float)text[i];
    return sum;
}

static encoder enc;

static scheduler *open_scheduler(unsigned workers, size_t requests, size_t tokens, size_t bytes)
{
    fake_init(&enc);
    scheduler_settings settings = {.workers = workers,
                                   .max_queue_requests = requests,
                                   .max_queue_tokens = tokens,
                                   .max_queue_bytes = bytes};
    scheduler *s = NULL;
    aki_error error;
    assert_int_equal(scheduler_open(&s, &enc, &settings, &error), AKI_OK);
    return s;
}

static aki_status submit(scheduler *s, const char *const *texts, size_t count, int64_t deadline_ns,
                         outcome *o, aki_error *error)
{
    aki_text spans[64];
    for (size_t i = 0; i < count; i++)
        spans[i] = text_of(texts[i]);
    scheduler_submission submission = {
        .texts = spans, .count = count, .deadline_ns = deadline_ns, .done = on_done, .cookie = o};
    return scheduler_submit(s, &submission, &o->request, error);
}

static void submit_one(scheduler *s, const char *text, outcome *o)
{
    outcome_init(o);
    aki_error error;
    assert_int_equal(submit(s, &text, 1, INT64_MAX, o, &error), AKI_OK);
}

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
    assert_int_equal(submit(s, &text, 1, clock_monotonic_ns() - 1, &c, &error), AKI_OK);
    fake_open_gate(&enc);
    outcome_wait(&a);
    outcome_wait(&b);
    outcome_wait(&c);
    assert_int_equal(b.status, AKI_OK);
    assert_int_equal(c.status, AKI_DEADLINE_EXCEEDED);
    assert_string_equal(enc.pass_texts[1], "b");
    scheduler_close(s);
}

static void names_the_text_that_came_out_not_finite(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(1, 10, 1000, 1 << 20);
    outcome good, bad;
    fake_close_gate(&enc);
    submit_one(s, "first", &good);
    fake_wait_entered(&enc, 1);
    const char *texts[] = {"fine", "fine", "!not fine", "fine"};
    outcome_init(&bad);
    aki_error error;
    assert_int_equal(submit(s, texts, 4, INT64_MAX, &bad, &error), AKI_OK);
    fake_open_gate(&enc);
    outcome_wait(&good);
    outcome_wait(&bad);
    assert_int_equal(good.status, AKI_OK);
    assert_int_equal(bad.status, AKI_NOT_FINITE);
    assert_int_equal(bad.text_index, 2);
    assert_int_equal(bad.calls, 1);
    scheduler_close(s);
}

static void hands_a_failed_pass_to_all_its_requests(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(1, 10, 1000, 1 << 20);
    outcome a, b;
    fake_close_gate(&enc);
    submit_one(s, "a", &a);
    fake_wait_entered(&enc, 1);
    submit_one(s, "b", &b);
    enc.outcome = AKI_MODEL_CHANGED;
    fake_open_gate(&enc);
    outcome_wait(&a);
    outcome_wait(&b);
    assert_int_equal(a.status, AKI_MODEL_CHANGED);
    assert_int_equal(b.status, AKI_MODEL_CHANGED);
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

static void lets_single_texts_fail_alone_where_asked(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(1, 10, 1000, 1 << 20);
    outcome o;
    outcome_init(&o);
    aki_error error;
    char long_text[61];
    memset(long_text, 'x', 60);
    long_text[60] = '\0';
    aki_text texts[] = {text_of("good"), text_of("!bad"), text_of(""),
                        text_of("fine"), {NULL, 0},       text_of(long_text)};
    scheduler_submission submission = {.texts = texts,
                                       .count = 6,
                                       .options = {.refuse_long = true},
                                       .on_error_item = true,
                                       .done = on_done,
                                       .cookie = &o};
    assert_int_equal(scheduler_submit(s, &submission, &o.request, &error), AKI_OK);
    outcome_wait(&o);
    assert_int_equal(o.status, AKI_OK);
    assert_int_equal(o.count, 6);
    assert_int_equal(o.item_errors, 4);
    const struct {
        size_t index;
        aki_status status;
    } expected[] = {
        {1, AKI_NOT_FINITE}, {2, AKI_EMPTY_TEXT}, {4, AKI_INVALID_ARGUMENT}, {5, AKI_TEXT_TOO_LONG}};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(o.items[i].index, expected[i].index);
        assert_int_equal(o.items[i].status, expected[i].status);
        assert_true(o.items[i].message[0] != '\0');
        assert_float_equal(o.first[expected[i].index], 0, 0);
    }
    assert_float_equal(o.first[0], sum_of("good"), 0);
    assert_float_equal(o.first[3], sum_of("fine"), 0);

    /* Nothing left to compute: answered before the submission returns, without a pass. */
    size_t passes = enc.passes;
    submission.texts = texts + 2;
    submission.count = 1;
    outcome_init(&o);
    assert_int_equal(scheduler_submit(s, &submission, &o.request, &error), AKI_OK);
    assert_int_equal(o.calls, 1);
    assert_int_equal(o.status, AKI_OK);
    assert_int_equal(o.item_errors, 1);
    assert_int_equal(enc.passes, passes);
    outcome_wait(&o);
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

static void estimates_the_backlog_and_the_longest_pass(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(1, 10, 1000, 1 << 20);
    assert_int_equal(scheduler_backlog_ms(s), 0);
    assert_int_equal(scheduler_longest_pass_ms(s), 0);
    outcome a, b;
    fake_close_gate(&enc);
    submit_one(s, "a", &a);
    fake_wait_entered(&enc, 1);
    while (scheduler_longest_pass_ms(s) < 2)
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
        assert_int_equal(status, AKI_OK);
    }
    return NULL;
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
        cmocka_unit_test(refuses_what_does_not_fit_the_queue),
        cmocka_unit_test(bounds_the_bytes_under_way),
        cmocka_unit_test(drops_cancelled_work_before_its_pass),
        cmocka_unit_test(drops_expired_work_before_its_pass),
        cmocka_unit_test(names_the_text_that_came_out_not_finite),
        cmocka_unit_test(hands_a_failed_pass_to_all_its_requests),
        cmocka_unit_test(refuses_bad_texts_on_the_spot),
        cmocka_unit_test(lets_single_texts_fail_alone_where_asked),
        cmocka_unit_test(finishes_what_is_queued_when_stopped),
        cmocka_unit_test(abandons_what_is_queued_when_told_so),
        cmocka_unit_test(estimates_the_backlog_and_the_longest_pass),
        cmocka_unit_test(tells_every_submitter_exactly_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
