#include "scheduler/requests.h"

#include "base/error.h"
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
    a.sharers = 3; /* two other models have work */
    assert_int_equal(admission_duration_ns(&a, 200), 3 * MS);
    a.sharers = 1;
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
    assert_int_equal(check(&a, &q, SCHEDULER_PRIORITY_BULK, 0, 0), AKI_OK);
    assert_int_equal(a.refused_wait, 1);
    close_queue(&q);
    q = queue_with(SCHEDULER_PRIORITY_INTERACTIVE, 9999);
    assert_int_equal(check(&a, &q, SCHEDULER_PRIORITY_INTERACTIVE, 0, 0), AKI_OK);
    close_queue(&q);
}

/* Before its texts are read, a request may be of either class: it is refused only if both classes would refuse it,
 * and counted once then. */
static void judges_an_open_class_by_the_more_patient(void **state)
{
    (void)state;
    admission a = open_gate(50, false);
    queue q = queue_with(SCHEDULER_PRIORITY_INTERACTIVE, 10000); /* 50 ms */
    assert_int_equal(check(&a, &q, SCHEDULER_PRIORITY_AUTO, 0, 0), AKI_OK);
    assert_int_equal(check(&a, &q, SCHEDULER_PRIORITY_AUTO, NOW + 50 * MS + 1, 0), AKI_OK);
    assert_int_equal(a.refused_wait, 0);
    assert_int_equal(check(&a, &q, SCHEDULER_PRIORITY_AUTO, NOW + 50 * MS, 0), AKI_OVERLOADED);
    assert_int_equal(a.refused_wait, 1);
    close_queue(&q);
}

static void tells_the_wait_for_the_first_pass_from_the_callers_time(void **state)
{
    (void)state;
    admission a = open_gate(0, false);
    queue q = queue_with(SCHEDULER_PRIORITY_BULK, 20000); /* 100 ms */
    q.time = (work_time){.workers = 2, .full_pass_tokens = 512};
    work_time_measure(&q.time, 1000, 10 * MS);
    aki_error error;
    admission_request request = {
        .priority = SCHEDULER_PRIORITY_BULK, .begin_by_ns = NOW + 101 * MS, .texts = 100, .tokens = 20000};
    assert_int_equal(admission_check(&a, &q, &request, 0, NOW, &error), AKI_OK); /* 100 ms of work later */
    request.begin_by_ns = NOW + 100 * MS;
    assert_int_equal(admission_check(&a, &q, &request, 0, NOW, &error), AKI_OVERLOADED);
    request.begin_by_ns = 0;
    request.deadline_ns = NOW + 201 * MS;
    assert_int_equal(admission_check(&a, &q, &request, 0, NOW, &error), AKI_OK);
    request.deadline_ns = NOW + 199 * MS; /* later there is time for it */
    assert_int_equal(admission_check(&a, &q, &request, 0, NOW, &error), AKI_OVERLOADED);
    assert_int_equal(a.refused_wait, 2);
    request.deadline_ns = NOW + 49 * MS; /* there never is */
    assert_int_equal(admission_check(&a, &q, &request, 0, NOW, &error), AKI_REQUEST_TOO_LONG);
    request.begin_by_ns = NOW;
    assert_int_equal(admission_check(&a, &q, &request, 0, NOW, &error), AKI_DEADLINE_EXCEEDED);
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
    for (size_t limit = (size_t)a.limits[0].limit; limit > 0; limit--) {
        assert_int_equal(check(&a, &q, SCHEDULER_PRIORITY_INTERACTIVE, 0, 0), AKI_OK);
        admission_enter(&a, r);
    }
    assert_int_equal(check(&a, &q, SCHEDULER_PRIORITY_INTERACTIVE, 0, 0), AKI_OVERLOADED);
    assert_int_equal(a.refused_limit, 1);
    assert_int_equal(check(&a, &q, SCHEDULER_PRIORITY_BULK, 0, 0), AKI_OK); /* has places of its own */
    assert_int_equal(check(&a, &q, SCHEDULER_PRIORITY_AUTO, 0, 0), AKI_OK);
    r->probe = true;
    admission_leave(&a, r, NOW);
    assert_int_equal(check(&a, &q, SCHEDULER_PRIORITY_INTERACTIVE, 0, 0), AKI_OVERLOADED);
    r->probe = false;
    admission_leave(&a, r, NOW);
    assert_int_equal(check(&a, &q, SCHEDULER_PRIORITY_INTERACTIVE, 0, 0), AKI_OK);
    scheduler_request_free(r);
    close_queue(&q);
}

/* One worker of 100 tokens a millisecond, with as many bulk requests as are let in, and a query every 10 ms. No query
 * is refused, though thousands of bulk requests wait behind each other. */
static void keeps_bulk_from_shutting_queries_out(void **state)
{
    (void)state;
    scheduler_settings settings = {.workers = 1, .max_queue_wait_ms = 2000, .adaptive_limit = true};
    admission a;
    admission_init(&a, &settings);
    queue q = {.max_requests = 4096,
               .max_tokens = 1000000,
               .max_bytes = SIZE_MAX,
               .max_pass_tokens = 512,
               .inference_timeout_ns = INT64_MAX};
    pass p;
    assert_true(pass_init(&p, 512));
    aki_error error;
    int64_t now = NOW, next_query = NOW;
    size_t queries = 0, refused_queries = 0, refused_bulk = 0, done = 0;
    while (queries < 400) {
        for (;;) {
            admission_request bulk = {
                .priority = SCHEDULER_PRIORITY_BULK, .begin_by_ns = now + 10000 * MS, .tokens = 3200};
            if (admission_check(&a, &q, &bulk, 0, now, &error) != AKI_OK)
                break;
            scheduler_request *r = make_request(SCHEDULER_PRIORITY_BULK, 0, 32, 100);
            r->submitted_ns = now;
            admission_enter(&a, r);
            assert_int_equal(queue_push(&q, r, &error), AKI_OK);
        }
        refused_bulk++;
        for (; next_query <= now; next_query += 10 * MS, queries++) {
            admission_request query = {
                .priority = SCHEDULER_PRIORITY_AUTO, .begin_by_ns = now + 10000 * MS, .tokens = 16};
            if (admission_check(&a, &q, &query, 0, now, &error) != AKI_OK) {
                refused_queries++;
                continue;
            }
            scheduler_request *r = make_request(SCHEDULER_PRIORITY_INTERACTIVE, 0, 1, 16);
            r->submitted_ns = now;
            admission_enter(&a, r);
            assert_int_equal(queue_push(&q, r, &error), AKI_OK);
        }
        queue_take(&q, &p, 1, now);
        now += (int64_t)p.tokens * MS / 100;
        admission_measure(&a, p.tokens, (int64_t)p.tokens * MS / 100);
        for (size_t i = 0; i < p.count; i++)
            p.sequences[i].status = AKI_OK;
        queue_settle(&q, &p, NULL, now);
        for (scheduler_request *r; (r = queue_pop_finished(&q)) != NULL; done++) {
            admission_leave(&a, r, now);
            scheduler_request_free(r);
        }
    }
    assert_int_equal(refused_queries, 0);
    assert_true(refused_bulk > 1000 && done > 400);
    aki_error over;
    error_set(&over, AKI_CANCELLED, "the test is over");
    while (!queue_is_empty(&q))
        queue_drop(&q, deadline_heap_first(&q.deadlines), &over, now);
    for (scheduler_request *r; (r = queue_pop_finished(&q)) != NULL;)
        scheduler_request_free(r);
    pass_free(&p);
    queue_free(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_would_be_late),
        cmocka_unit_test(keeps_interactive_work_from_waiting_for_long),
        cmocka_unit_test(judges_an_open_class_by_the_more_patient),
        cmocka_unit_test(tells_the_wait_for_the_first_pass_from_the_callers_time),
        cmocka_unit_test(keeps_bulk_from_shutting_queries_out),
        cmocka_unit_test(never_closes_for_good),
        cmocka_unit_test(counts_who_is_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
