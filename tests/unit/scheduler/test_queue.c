#include "scheduler/requests.h"

#include "base/error.h"
#include "resilience/jitter.h"
#include "scheduler/queue.h"

#define PASS_TOKENS 512
#define MS INT64_C(1000000)

static queue open_queue(size_t requests, size_t tokens)
{
    return (queue){.max_requests = requests,
                   .max_tokens = tokens,
                   .max_bytes = SIZE_MAX,
                   .max_pass_tokens = PASS_TOKENS,
                   .inference_timeout_ns = INT64_MAX};
}

static scheduler_request *push(queue *q, scheduler_priority priority, uint64_t client, size_t count,
                               size_t tokens, int64_t now_ns, int64_t deadline_ns)
{
    scheduler_request *r = make_request(priority, client, count, tokens);
    r->submitted_ns = now_ns;
    r->deadline_ns = deadline_ns;
    aki_error error;
    assert_int_equal(queue_push(q, r, &error), AKI_OK);
    return r;
}

/* Frees what is finished; how many. */
static size_t reap(queue *q)
{
    size_t count = 0;
    scheduler_request *r;
    while ((r = queue_pop_finished(q)) != NULL) {
        scheduler_request_free(r);
        count++;
    }
    return count;
}

static void settle(queue *q, pass *p, int64_t now_ns)
{
    for (size_t i = 0; i < p->count; i++)
        p->sequences[i].status = AKI_OK;
    queue_settle(q, p, NULL, now_ns);
}

static void empty(queue *q)
{
    aki_error error;
    error_set(&error, AKI_CANCELLED, "the test is over");
    while (!queue_is_empty(q))
        queue_drop(q, deadline_heap_first(&q->deadlines), &error, 0);
    reap(q);
    assert_int_equal(queue_tokens(q), 0);
    assert_int_equal(queue_requests(q), 0);
    assert_int_equal(q->bytes, 0);
    queue_free(q);
}

#define INTERACTIVE SCHEDULER_PRIORITY_INTERACTIVE
#define BULK SCHEDULER_PRIORITY_BULK

static void puts_interactive_work_first_and_classes_in_passes_of_their_own(void **state)
{
    (void)state;
    queue q = open_queue(100, 100000);
    pass p;
    assert_true(pass_init(&p, PASS_TOKENS));
    push(&q, BULK, 0, 10, 100, 0, INT64_MAX);
    scheduler_request *query = push(&q, INTERACTIVE, 0, 1, 16, 0, INT64_MAX);
    queue_take(&q, &p, 1, 1);
    assert_int_equal(p.owners_count, 1);
    assert_ptr_equal(p.owners[0].request, query);
    settle(&q, &p, 2);
    assert_int_equal(reap(&q), 1);
    queue_take(&q, &p, 1, 3);
    assert_int_equal(p.count, 5);
    settle(&q, &p, 4);
    pass_free(&p);
    empty(&q);
}

/* Both classes saturate: of any window of tokens bulk gets its fifth, to within two passes, and interactive the rest. */
static void gives_bulk_its_share_and_no_more(void **state)
{
    (void)state;
    queue q = open_queue(1000, 1000000);
    pass p;
    assert_true(pass_init(&p, PASS_TOKENS));
    jitter j;
    jitter_init(&j, 21);
    int64_t tokens[2] = {0, 0}, since_bulk = 0;
    for (int64_t now = 0; now < 20000; now++) {
        while (q.classes[0].tokens < 2 * PASS_TOKENS)
            push(&q, INTERACTIVE, 0, 1, (size_t)jitter_between(&j, 1, 256), now, INT64_MAX);
        while (q.classes[1].tokens < 2 * PASS_TOKENS)
            push(&q, BULK, 0, (size_t)jitter_between(&j, 2, 64), (size_t)jitter_between(&j, 1, 256), now,
                 INT64_MAX);
        queue_take(&q, &p, 1, now);
        assert_true(p.count > 0 && p.tokens <= PASS_TOKENS);
        scheduler_priority priority = p.owners[0].request->priority;
        for (size_t i = 0; i < p.owners_count; i++)
            assert_int_equal(p.owners[i].request->priority, priority);
        tokens[priority - INTERACTIVE] += (int64_t)p.tokens;
        since_bulk = priority == BULK ? 0 : since_bulk + (int64_t)p.tokens;
        assert_true(since_bulk <= (QUEUE_BULK_ONE_IN - 1) * 2 * PASS_TOKENS + PASS_TOKENS);
        int64_t due = (tokens[0] + tokens[1]) / QUEUE_BULK_ONE_IN;
        assert_true(tokens[1] >= due - 2 * PASS_TOKENS && tokens[1] <= due + 2 * PASS_TOKENS);
        settle(&q, &p, now);
        reap(&q);
    }
    pass_free(&p);
    empty(&q);
}

/* Bulk saturates, queries come now and then: a query is never kept waiting for more than one pass that began before it
 * came and, at the very most, one that began after. */
static void keeps_queries_quick_beside_bulk(void **state)
{
    (void)state;
    queue q = open_queue(1000, 1000000);
    pass p;
    assert_true(pass_init(&p, PASS_TOKENS));
    jitter j;
    jitter_init(&j, 22);
    int64_t waited_passes = 0, longest = 0;
    for (int64_t now = 0; now < 20000; now++) {
        while (q.classes[1].tokens < 100 * PASS_TOKENS)
            push(&q, BULK, 0, 256, 128, now, INT64_MAX);
        if (q.classes[0].requests == 0 && jitter_between(&j, 0, 2) == 0) {
            push(&q, INTERACTIVE, 0, 1, 16, now, INT64_MAX);
            waited_passes = 0;
        }
        bool waits = q.classes[0].requests > 0;
        queue_take(&q, &p, 1, now);
        if (waits && q.classes[0].requests > 0)
            waited_passes++;
        longest = waited_passes > longest ? waited_passes : longest;
        settle(&q, &p, now);
        reap(&q);
    }
    assert_int_equal(longest, 0); /* bulk had more than its share all the time */
    pass_free(&p);
    empty(&q);
}

static size_t next_pass_tokens(queue *q, pass *p, int64_t now_ns)
{
    queue_take(q, p, 1, now_ns);
    size_t tokens = p->tokens;
    settle(q, p, now_ns);
    reap(q);
    return tokens;
}

static void shortens_bulk_passes_while_queries_come(void **state)
{
    (void)state;
    queue q = open_queue(100, 100000);
    pass p;
    assert_true(pass_init(&p, PASS_TOKENS));
    push(&q, BULK, 0, 400, 16, 1, INT64_MAX);
    assert_int_equal(next_pass_tokens(&q, &p, 1), PASS_TOKENS);
    push(&q, INTERACTIVE, 0, 1, 10, 2, INT64_MAX);
    assert_int_equal(next_pass_tokens(&q, &p, 2), 10);
    assert_int_equal(next_pass_tokens(&q, &p, 3), QUEUE_BULK_BESIDE_TOKENS(PASS_TOKENS));
    assert_int_equal(next_pass_tokens(&q, &p, 1 + QUEUE_INTERACTIVE_MEMORY_NS),
                     QUEUE_BULK_BESIDE_TOKENS(PASS_TOKENS));
    assert_int_equal(next_pass_tokens(&q, &p, 2 + QUEUE_INTERACTIVE_MEMORY_NS), PASS_TOKENS);
    pass_free(&p);
    empty(&q);
}

static void drops_exactly_what_has_expired(void **state)
{
    (void)state;
    queue q = open_queue(10000, 10000000);
    pass p;
    assert_true(pass_init(&p, PASS_TOKENS));
    jitter j;
    jitter_init(&j, 23);
    size_t pushed = 0, finished = 0, served = 0;
    for (int64_t now = 0; now < 5000; now++) {
        for (int64_t k = jitter_between(&j, 0, 3); k > 0; k--, pushed++)
            push(&q, jitter_between(&j, 0, 1) == 0 ? INTERACTIVE : BULK, (uint64_t)jitter_between(&j, 0, 3),
                 (size_t)jitter_between(&j, 1, 8), (size_t)jitter_between(&j, 1, 256), now,
                 now + jitter_between(&j, 1, 40));
        queue_drop_expired(&q, now);
        queue_take(&q, &p, 1, now);
        for (size_t i = 0; i < p.owners_count; i++)
            assert_true(p.owners[i].request->deadline_ns > now);
        settle(&q, &p, now);
        scheduler_request *r;
        while ((r = queue_pop_finished(&q)) != NULL) {
            finished++;
            served += r->result.status == AKI_OK;
            if (r->result.status != AKI_OK) {
                assert_int_equal(r->result.status, AKI_DEADLINE_EXCEEDED);
                assert_true(r->deadline_ns <= now);
                assert_non_null(
                    strstr(r->result.error.message, r->taken > 0 ? "during inference" : "in the queue"));
            }
            scheduler_request_free(r);
        }
    }
    assert_int_equal(q.expired, finished - served);
    assert_true(served > 1000 && q.expired > 1000);
    assert_int_equal(pushed, finished + q.deadlines.count);
    pass_free(&p);
    empty(&q);
}

static void limits_the_time_from_the_first_pass_on(void **state)
{
    (void)state;
    queue q = open_queue(100, 100000);
    q.inference_timeout_ns = 5 * MS;
    pass p;
    assert_true(pass_init(&p, PASS_TOKENS));
    push(&q, BULK, 0, 10, 256, 0, 100 * MS);
    scheduler_request *waiting = push(&q, BULK, 0, 1, 256, 0, 100 * MS);
    queue_take(&q, &p, 1, 50 * MS);
    settle(&q, &p, 51 * MS);
    queue_drop_expired(&q, 55 * MS - 1);
    assert_int_equal(reap(&q), 0);
    queue_drop_expired(&q, 55 * MS);
    assert_int_equal(reap(&q), 1);
    queue_take(&q, &p, 1, 56 * MS);
    assert_ptr_equal(p.owners[0].request, waiting);
    settle(&q, &p, 57 * MS);
    assert_int_equal(reap(&q), 1);
    pass_free(&p);
    empty(&q);
}

static bool admits(const queue *q, scheduler_priority priority, uint64_t client, size_t tokens)
{
    aki_error error;
    aki_status status = queue_admits(q, priority, client, tokens, 100, &error);
    assert_true(status == AKI_OK || status == AKI_OVERLOADED);
    return status == AKI_OK;
}

static void leaves_room_for_interactive_work_beside_bulk(void **state)
{
    (void)state;
    queue q = open_queue(80, 8000);
    for (size_t i = 0; i < 70; i++) {
        assert_true(admits(&q, BULK, 0, 10));
        push(&q, BULK, 0, 1, 10, 0, INT64_MAX);
    }
    assert_false(admits(&q, BULK, 0, 10)); /* 7/8 of the requests */
    for (size_t i = 0; i < 10; i++) {
        assert_true(admits(&q, INTERACTIVE, 0, 10));
        push(&q, INTERACTIVE, 0, 1, 10, 0, INT64_MAX);
    }
    assert_false(admits(&q, INTERACTIVE, 0, 10));
    empty(&q);
    q = open_queue(80, 8000);
    assert_true(admits(&q, BULK, 0, 9000)); /* an empty queue takes anything */
    push(&q, BULK, 0, 10, 600, 0, INT64_MAX);
    assert_true(admits(&q, BULK, 0, 1000));
    assert_false(admits(&q, BULK, 0, 1001)); /* 7/8 of the tokens */
    assert_true(admits(&q, INTERACTIVE, 0, 2000));
    assert_false(admits(&q, INTERACTIVE, 0, 2001));
    empty(&q);
}

static void leaves_room_for_other_clients(void **state)
{
    (void)state;
    queue q = open_queue(90, 9000);
    size_t held[3] = {0};
    for (int i = 0; i < 90; i++) /* two named clients that want all they can get: a third each */
        for (uint64_t client = 1; client <= 2; client++)
            if (admits(&q, INTERACTIVE, client, 100)) {
                push(&q, INTERACTIVE, client, 1, 100, 0, INT64_MAX);
                held[client]++;
            }
    assert_true(held[1] >= 29 && held[1] <= 31 && held[2] >= 29 && held[2] <= 31);
    assert_true(admits(&q, INTERACTIVE, 3, 100));
    assert_true(admits(&q, INTERACTIVE, 0, 100));
    empty(&q);
}

static void opens_the_window_only_for_passes_that_are_not_full(void **state)
{
    (void)state;
    queue q = open_queue(100, 100000);
    assert_true(queue_start_ns(&q) == INT64_MAX);
    push(&q, BULK, 0, 1, 10, 7 * MS, INT64_MAX);
    assert_true(queue_start_ns(&q) <= 7 * MS); /* no window: at once */
    q.window_ns = 10 * MS;
    assert_int_equal(queue_start_ns(&q), 17 * MS);
    push(&q, INTERACTIVE, 0, 1, 10, 9 * MS, INT64_MAX);
    assert_int_equal(queue_start_ns(&q), 17 * MS);
    push(&q, BULK, 0, 5, 100, 9 * MS, INT64_MAX);
    assert_true(queue_start_ns(&q) <= 9 * MS);
    empty(&q);
}

static void says_how_much_is_ahead(void **state)
{
    (void)state;
    queue q = open_queue(100, 100000);
    push(&q, INTERACTIVE, 0, 4, 100, 0, INT64_MAX);
    assert_int_equal(queue_tokens_ahead(&q, INTERACTIVE), 400);
    push(&q, BULK, 0, 40, 100, 0, INT64_MAX);
    assert_int_equal(queue_tokens_ahead(&q, INTERACTIVE), 500); /* with bulk's share */
    assert_int_equal(queue_tokens_ahead(&q, BULK), 4400);
    empty(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(puts_interactive_work_first_and_classes_in_passes_of_their_own),
        cmocka_unit_test(gives_bulk_its_share_and_no_more),
        cmocka_unit_test(keeps_queries_quick_beside_bulk),
        cmocka_unit_test(shortens_bulk_passes_while_queries_come),
        cmocka_unit_test(drops_exactly_what_has_expired),
        cmocka_unit_test(limits_the_time_from_the_first_pass_on),
        cmocka_unit_test(leaves_room_for_interactive_work_beside_bulk),
        cmocka_unit_test(leaves_room_for_other_clients),
        cmocka_unit_test(opens_the_window_only_for_passes_that_are_not_full),
        cmocka_unit_test(says_how_much_is_ahead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
