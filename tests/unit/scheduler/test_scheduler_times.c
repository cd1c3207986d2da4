/* When the phases of a traced request were. */
#include "scheduler/rig.h"

/* A request and the times that its `done` saw. */
typedef struct timed {
    outcome base;
    scheduler_times times;
    int64_t tokenize_ns, queue_ns;
} timed;

static void on_timed(void *cookie, scheduler_request *request, const scheduler_result *result)
{
    timed *t = cookie;
    t->times = result->times;
    t->tokenize_ns = result->tokenize_ns;
    t->queue_ns = result->queue_ns;
    on_done(&t->base, request, result);
}

static void submit_timed(scheduler *s, const aki_text *texts, size_t count, bool traced, timed *t)
{
    outcome_init(&t->base);
    aki_error error;
    scheduler_submission submission = {
        .texts = texts, .count = count, .traced = traced, .done = on_timed, .cookie = t};
    assert_int_equal(scheduler_submit(s, &submission, &t->base.request, &error), AKI_OK);
}

/* Each phase begins where the one before it ended, or later. */
static void assert_rising(const scheduler_times *t, int64_t after_ns)
{
    const int64_t in_order[] = {after_ns,
                                t->submitted_ns,
                                t->begun_ns,
                                t->first_pass_ns,
                                t->last.begun_ns,
                                t->last.gathered_ns,
                                t->last.steps.forward_ns,
                                t->last.steps.pooled_ns,
                                t->last.steps.normalized_ns,
                                t->last.ended_ns,
                                t->last.handed_ns,
                                clock_monotonic_ns()};
    for (size_t i = 1; i < sizeof in_order / sizeof in_order[0]; i++)
        assert_true(in_order[i] >= in_order[i - 1]);
}

static void tells_the_phases_of_a_traced_request(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(1, 100, 10000, 1 << 20);
    const aki_text texts[] = {text_of("one"), text_of("two")};
    const int64_t before_ns = clock_monotonic_ns();
    timed t;
    submit_timed(s, texts, 2, true, &t);
    outcome_wait(&t.base);
    assert_rising(&t.times, before_ns);
    assert_int_equal(t.times.passes, 1);
    assert_int_equal(t.times.last.texts, 2);
    assert_int_equal(t.times.last.tokens, 6);
    assert_true(t.times.submitted_ns - t.tokenize_ns >= before_ns);
    assert_int_equal(t.times.submitted_ns + t.queue_ns, t.times.begun_ns);
    scheduler_close(s);
}

static void reads_no_clocks_for_others(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(1, 100, 10000, 1 << 20);
    const aki_text texts[] = {text_of("one")};
    timed t;
    submit_timed(s, texts, 1, false, &t);
    outcome_wait(&t.base);
    assert_int_equal(t.times.passes, 0);
    assert_int_equal(t.times.first_pass_ns, 0);
    assert_int_equal(enc.measured, 0);
    submit_timed(s, texts, 1, true, &t);
    outcome_wait(&t.base);
    assert_int_equal(enc.measured, 1);
    submit_timed(s, texts, 1, false, &t);
    outcome_wait(&t.base);
    assert_int_equal(enc.measured, 1);
    scheduler_close(s);
}

/* A request over several passes, beside one that is not traced: each pass counts once, whatever it holds of it. */
static void counts_the_passes_of_a_request(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(2, 1000, 100000, 1 << 22);
    enum { TEXTS = 60 };
    char bytes[TEXTS][12];
    aki_text texts[TEXTS];
    for (int i = 0; i < TEXTS; i++)
        texts[i] = (aki_text){bytes[i], (size_t)snprintf(bytes[i], sizeof bytes[i], "number %03d", i)};
    timed traced, other;
    const int64_t before_ns = clock_monotonic_ns();
    submit_timed(s, texts, TEXTS, true, &traced);
    submit_timed(s, texts, TEXTS / 2, false, &other);
    outcome_wait(&traced.base);
    outcome_wait(&other.base);
    assert_rising(&traced.times, before_ns);
    assert_true(traced.times.passes >= TEXTS * 10 / FAKE_PASS_TOKENS);
    assert_true(traced.times.passes <= enc.passes);
    assert_int_equal(other.times.passes, 0);
    scheduler_close(s);
}

static void a_request_that_is_dropped_in_the_queue_has_no_pass(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(1, 100, 10000, 1 << 20);
    fake_close_gate(&enc);
    const aki_text first[] = {text_of("first")}, second[] = {text_of("second")};
    timed running, dropped;
    submit_timed(s, first, 1, false, &running);
    fake_wait_entered(&enc, 1);
    submit_timed(s, second, 1, true, &dropped);
    scheduler_cancel(dropped.base.request);
    fake_open_gate(&enc);
    outcome_wait(&dropped.base);
    outcome_wait(&running.base);
    assert_int_equal(dropped.base.status, AKI_CANCELLED);
    assert_true(dropped.times.submitted_ns > 0);
    assert_int_equal(dropped.times.begun_ns, 0);
    assert_int_equal(dropped.times.passes, 0);
    scheduler_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_the_phases_of_a_traced_request),
        cmocka_unit_test(reads_no_clocks_for_others),
        cmocka_unit_test(counts_the_passes_of_a_request),
        cmocka_unit_test(a_request_that_is_dropped_in_the_queue_has_no_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
