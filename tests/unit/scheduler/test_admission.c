#include "scheduler/requests.h"

#include "scheduler/admission.h"

#define MS INT64_C(1000000)
#define NOW (1000 * MS)

/* Two workers, each 1,000 tokens in 10 ms: 200 tokens a millisecond together. */
static admission open_gate(int64_t max_wait_ms, bool adaptive)
{
    scheduler_settings settings = {
        .workers = 2, .max_queue_wait_ms = max_wait_ms, .adaptive_limit = adaptive};
    admission a;
    admission_init(&a, &settings);
    assert_int_equal(admission_duration_ns(&a, 1000000), 0);
    admission_measure(&a, 1000, 10 * MS);
    assert_int_equal(admission_duration_ns(&a, 200), MS);
    return a;
}

static queue queue_with(scheduler_priority priority, size_t tokens)
{
    queue q = {.max_requests = 10, .max_tokens = 1000000, .max_bytes = SIZE_MAX, .max_pass_tokens = 512};
    if (tokens > 0) {
        aki_error error;
        assert_int_equal(queue_push(&q, make_request(priority, 0, 1, tokens), &error), AKI_OK);
    }
    return q;
}

static void close_queue(queue *q)
{
    scheduler_request *r = deadline_heap_first(&q->deadlines);
    if (r != NULL) {
        class_queue_remove(queue_class(q, r->priority), r);
        scheduler_request_free(r);
    }
    queue_free(q);
}

static aki_status check(admission *a, const queue *q, scheduler_priority priority, int64_t deadline_ns,
                        size_t running)
{
    aki_error error;
    admission_request request = {.priority = priority, .deadline_ns = deadline_ns, .tokens = 10};
    return admission_check(a, q, &request, running, NOW, &error);
}

static void refuses_what_would_be_late(void **state)
{
    (void)state;
    admission a = open_gate(0, false);
    queue q = queue_with(SCHEDULER_PRIORITY_BULK, 20000); /* 100 ms, and 5 more of what runs */
    assert_int_equal(check(&a, &q, SCHEDULER_PRIORITY_BULK, NOW + 105 * MS, 1000), AKI_OVERLOADED);
    assert_int_equal(check(&a, &q, SCHEDULER_PRIORITY_BULK, NOW + 105 * MS + 1, 1000), AKI_OK);
    assert_int_equal(check(&a, &q, SCHEDULER_PRIORITY_BULK, 0, 1000), AKI_OK);
    /* What is interactive goes before it. */
    assert_int_equal(check(&a, &q, SCHEDULER_PRIORITY_INTERACTIVE, NOW + 6 * MS, 1000), AKI_OK);
    assert_int_equal(a.refused_wait, 1);
    assert_int_equal(check(&a, &q, SCHEDULER_PRIORITY_INTERACTIVE, NOW, 1000), AKI_DEADLINE_EXCEEDED);
    assert_int_equal(a.expired, 1);
    close_queue(&q);
}

static void keeps_interactive_work_from_waiting_for_long(void **state)
{
    (void)state;
    admission a = open_gate(50, false);
    queue q = queue_with(SCHEDULER_PRIORITY_INTERACTIVE, 10000); /* 50 ms */
    assert_int_equal(check(&a, &q, SCHEDULER_PRIORITY_INTERACTIVE, 0, 0), AKI_OVERLOADED);
    assert_int_equal(check(&a, &q, SCHEDULER_PRIORITY_AUTO, 0, 0), AKI_OVERLOADED);
    assert_int_equal(check(&a, &q, SCHEDULER_PRIORITY_BULK, 0, 0), AKI_OK);
    close_queue(&q);
    q = queue_with(SCHEDULER_PRIORITY_INTERACTIVE, 9999);
    assert_int_equal(check(&a, &q, SCHEDULER_PRIORITY_INTERACTIVE, 0, 0), AKI_OK);
    close_queue(&q);
}

/* However slow a pass was: with nothing queued the next request comes in, and renews the measurement. */
static void never_closes_for_good(void **state)
{
    (void)state;
    admission a = open_gate(1, false);
    admission_measure(&a, 1, 3600 * 1000 * MS);
    queue q = queue_with(SCHEDULER_PRIORITY_INTERACTIVE, 0);
    assert_int_equal(check(&a, &q, SCHEDULER_PRIORITY_INTERACTIVE, NOW + MS, 1000000), AKI_OK);
    for (int i = 0; i < 500; i++)
        admission_measure(&a, 1000, 10 * MS);
    assert_true(admission_duration_ns(&a, 200) < 2 * MS);
    close_queue(&q);
}

static void counts_who_is_in(void **state)
{
    (void)state;
    admission a = open_gate(0, true);
    queue q = queue_with(SCHEDULER_PRIORITY_INTERACTIVE, 0);
    scheduler_request *r = make_request(SCHEDULER_PRIORITY_INTERACTIVE, 0, 1, 10);
    size_t limit = (size_t)a.limit.limit;
    for (; a.in_flight < limit; a.in_flight++)
        assert_int_equal(check(&a, &q, SCHEDULER_PRIORITY_INTERACTIVE, 0, 0), AKI_OK);
    assert_int_equal(check(&a, &q, SCHEDULER_PRIORITY_INTERACTIVE, 0, 0), AKI_OVERLOADED);
    assert_int_equal(a.refused_limit, 1);
    admission_leave(&a, r, NOW);
    assert_int_equal(check(&a, &q, SCHEDULER_PRIORITY_INTERACTIVE, 0, 0), AKI_OK);
    scheduler_request_free(r);
    close_queue(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_would_be_late),
        cmocka_unit_test(keeps_interactive_work_from_waiting_for_long),
        cmocka_unit_test(never_closes_for_good),
        cmocka_unit_test(counts_who_is_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
