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
    assert_int_equal(queue_bytes(q), 0);
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

/* A worker whose measured time for a full pass is 5 ms. */
static queue open_measured(int64_t least_ns, int64_t most_ns)
{
    queue q = open_queue(100, 100000);
    q.time =
        (work_time){.workers = 1, .full_pass_tokens = PASS_TOKENS, .least_ns = least_ns, .most_ns = most_ns};
    work_time_measure(&q.time, PASS_TOKENS, 5 * MS);
    return q;
}

static void limits_the_wait_for_the_first_pass_and_then_the_work(void **state)
{
    (void)state;
    queue q = open_measured(2 * MS, 1000 * MS);
    pass p;
    assert_true(pass_init(&p, PASS_TOKENS));
    scheduler_request *long_one = make_request(BULK, 0, 20, 256); /* ten passes: 50 ms */
    scheduler_request *late = make_request(BULK, 0, 1, 256);
    long_one->begin_by_ns = late->begin_by_ns = 10 * MS;
    aki_error error;
    assert_int_equal(queue_push(&q, long_one, &error), AKI_OK);
    assert_int_equal(queue_push(&q, late, &error), AKI_OK);
    queue_drop_expired(&q, 10 * MS - 1);
    queue_take(&q, &p, 1, 10 * MS - 1);
    assert_ptr_equal(p.owners[0].request, long_one);
    settle(&q, &p, 15 * MS);
    queue_drop_expired(&q, 15 * MS);
    assert_true(late->finished && !long_one->finished); /* it waited for too long; the other has begun */
    assert_int_equal(reap(&q), 1);
    queue_drop_expired(&q, 110 * MS - 2);
    assert_int_equal(reap(&q), 0);
    queue_drop_expired(&q, 110 * MS - 1);
    assert_int_equal(reap(&q), 1); /* twice the estimate, without another pass */
    pass_free(&p);
    empty(&q);
}

/* A request many times slower than was measured is still finished: each pass extends its time. */
static void finishes_a_long_request_that_goes_on(void **state)
{
    (void)state;
    queue q = open_measured(2 * MS, 1000 * MS);
    pass p;
    assert_true(pass_init(&p, PASS_TOKENS));
    push(&q, BULK, 0, 20, 256, 0, INT64_MAX);
    int64_t now = 1;
    for (int passes = 0; passes < 9; passes++, now += 9 * MS) {
        queue_drop_expired(&q, now);
        queue_take(&q, &p, 1, now);
        assert_int_equal(p.count, 2);
        settle(&q, &p, now + 1);
    }
    scheduler_request *r = deadline_heap_first(&q.deadlines);
    const int64_t expires_ns = r->expires_ns;
    assert_true(expires_ns > now);
    r->deadline_ns = now; /* the caller's own */
    queue_take(&q, &p, 1, now);
    assert_int_equal(p.expires_ns, expires_ns); /* what it had is not taken from it */
    settle(&q, &p, now + 1);
    assert_int_equal(r->result.status, AKI_OK);
    assert_int_equal(reap(&q), 1);
    pass_free(&p);
    empty(&q);
}

static void keeps_to_the_callers_time_and_to_the_longest(void **state)
{
    (void)state;
    queue q = open_measured(2 * MS, 30 * MS);
    pass p;
    assert_true(pass_init(&p, PASS_TOKENS));
    scheduler_request *r = push(&q, BULK, 0, 20, 256, 0, 20 * MS);
    queue_take(&q, &p, 1, 1);
    assert_int_equal(r->expires_ns, 20 * MS);
    settle(&q, &p, 2);
    r->deadline_ns = INT64_MAX;
    queue_take(&q, &p, 1, 3);
    assert_int_equal(r->expires_ns, 1 + 30 * MS);
    settle(&q, &p, 4);
    pass_free(&p);
    empty(&q);
}

static void gives_up_what_waits_after_a_pass_that_took_too_long(void **state)
{
    (void)state;
    queue q = open_queue(100, 100000);
    q.inference_timeout_ns = 5 * MS;
    pass p;
    assert_true(pass_init(&p, PASS_TOKENS));
    scheduler_request *slow = push(&q, BULK, 0, 10, 256, 0, INT64_MAX);
    for (int64_t at = 100; at <= 200; at += 100) { /* however many passes there are */
        queue_take(&q, &p, 1, at * MS);
        assert_int_equal(p.expires_ns, at * MS + 5 * MS);
        settle(&q, &p, at * MS + 5 * MS);
    }
    assert_int_equal(reap(&q), 0);
    queue_take(&q, &p, 1, 300 * MS);
    settle(&q, &p, 305 * MS + 1);
    assert_int_equal(slow->result.status, AKI_DEADLINE_EXCEEDED);
    assert_non_null(strstr(slow->result.error.message, "during inference: one pass took 5 ms"));
    assert_non_null(strstr(slow->result.error.message, "6 of 10 texts"));
    assert_int_equal(reap(&q), 1);
    assert_int_equal(q.expired, 1);
    scheduler_request *short_one = push(&q, BULK, 0, 1, 256, 0, INT64_MAX);
    queue_take(&q, &p, 1, 400 * MS);
    settle(&q, &p, 500 * MS); /* late, but there */
    assert_int_equal(short_one->result.status, AKI_OK);
    assert_int_equal(reap(&q), 1);
    pass_free(&p);
    empty(&q);
}

/* A probe takes a pass of its own, first, and changes nothing else. */
static void does_not_count_probes(void **state)
{
    (void)state;
    queue q = open_measured(2 * MS, 30 * MS);
    q.max_requests = 1;
    q.max_bytes = 100;
    q.inference_timeout_ns = 5 * MS;
    pass p;
    assert_true(pass_init(&p, PASS_TOKENS));
    aki_error error;
    scheduler_request *probe = make_request(INTERACTIVE, 0, 1, 8);
    probe->probe = true;
    probe->submitted_ns = 1;
    assert_int_equal(queue_push(&q, probe, &error), AKI_OK);
    assert_false(queue_is_empty(&q));
    assert_int_equal(queue_requests(&q), 0);
    assert_int_equal(queue_tokens_ahead(&q, INTERACTIVE, 0), 0);
    assert_true(queue_start_ns(&q) <= 1);
    assert_int_equal(queue_admits(&q, BULK, 0, 100000000, 1000, &error), AKI_OK); /* as an empty one */
    push(&q, INTERACTIVE, 0, 1, 8, 1, INT64_MAX);
    q.interactive_ns = 0; /* as if the query had come long ago */
    push(&q, BULK, 0, 400, 16, 1, INT64_MAX);
    queue_take(&q, &p, 1, 2);
    assert_true(p.probes);
    assert_int_equal(p.owners_count, 1);
    assert_ptr_equal(p.owners[0].request, probe);
    assert_true(probe->expires_ns == INT64_MAX);
    settle(&q, &p, 1000 * MS); /* late, which does not matter */
    assert_int_equal(probe->result.status, AKI_OK);
    assert_int_equal(reap(&q), 1);
    assert_int_equal(q.bulk_due, 0);
    assert_int_equal(next_pass_tokens(&q, &p, 1001 * MS), 8);
    assert_int_equal(next_pass_tokens(&q, &p, 1001 * MS), PASS_TOKENS);
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

static bool admits_bytes(const queue *q, scheduler_priority priority, uint64_t client, size_t bytes)
{
    aki_error error;
    return queue_admits(q, priority, client, 1, bytes, &error) == AKI_OK;
}

/* Requests of 100 bytes, in a queue of 8,000. */
static void leaves_bytes_for_interactive_work_and_other_clients(void **state)
{
    (void)state;
    queue q = open_queue(1000, 1000000);
    q.max_bytes = 8000;
    assert_true(admits_bytes(&q, BULK, 0, 8001)); /* an empty queue takes anything */
    size_t held = 0;
    for (; admits_bytes(&q, BULK, 0, 100); held++)
        push(&q, BULK, 0, 1, 1, 0, INT64_MAX);
    assert_int_equal(held, 70); /* 7/8 */
    for (held = 0; admits_bytes(&q, INTERACTIVE, 0, 100); held++)
        push(&q, INTERACTIVE, 0, 1, 1, 0, INT64_MAX);
    assert_int_equal(held, 10);
    empty(&q);
    q = open_queue(1000, 1000000);
    q.max_bytes = 8000;
    for (held = 0; admits_bytes(&q, INTERACTIVE, 1, 100); held++)
        push(&q, INTERACTIVE, 1, 1, 1, 0, INT64_MAX);
    assert_int_equal(held, 40); /* as much as it leaves free */
    assert_true(admits_bytes(&q, INTERACTIVE, 2, 100));
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
    assert_int_equal(queue_tokens_ahead(&q, INTERACTIVE, 0), 400);
    push(&q, BULK, 0, 40, 100, 0, INT64_MAX);
    assert_int_equal(queue_tokens_ahead(&q, INTERACTIVE, 0), 500); /* with bulk's share */
    assert_int_equal(queue_tokens_ahead(&q, BULK, 0), 4400);
    /* Another client waits for a turn of each that is there, not for all of their work. */
    assert_int_equal(queue_tokens_ahead(&q, BULK, 1), 400 + CLASS_QUEUE_TURN_TOKENS);
    push(&q, BULK, 1, 1, 100, 0, INT64_MAX);
    assert_int_equal(queue_tokens_ahead(&q, BULK, 1), 500 + CLASS_QUEUE_TURN_TOKENS);
    assert_int_equal(queue_tokens_ahead(&q, BULK, 2), 400 + 2 * CLASS_QUEUE_TURN_TOKENS);
    assert_int_equal(queue_tokens_ahead(&q, BULK, 0), 4500);
    empty(&q);
}

static turns_offer next_of(queue *q)
{
    turns_offer offer = {.start_ns = 0};
    queue_look(q, &offer);
    return offer;
}

static scheduler_request *push_probe(queue *q, size_t count)
{
    scheduler_request *r = make_request(SCHEDULER_PRIORITY_INTERACTIVE, 0, count, 10);
    r->probe = true;
    aki_error error;
    assert_int_equal(queue_push(q, r, &error), AKI_OK);
    return r;
}

static void tells_the_class_and_the_deadline_of_the_next_pass(void **state)
{
    (void)state;
    queue q = open_queue(100, 100000);
    aki_error error;
    error_set(&error, AKI_CANCELLED, "the test drops it");
    push(&q, SCHEDULER_PRIORITY_BULK, 0, 1, 10, 0, 7000 * MS);
    assert_int_equal(next_of(&q).of_class, TURNS_BULK);
    assert_int_equal(next_of(&q).deadline_ns, 7000 * MS);
    push(&q, SCHEDULER_PRIORITY_INTERACTIVE, 0, 1, 10, 0, 9000 * MS);
    assert_int_equal(next_of(&q).of_class, TURNS_INTERACTIVE);
    assert_int_equal(next_of(&q).deadline_ns, 9000 * MS);
    q.bulk_due = INT64_MAX; /* bulk work is next, and the query waits behind it */
    assert_int_equal(next_of(&q).of_class, TURNS_INTERACTIVE);
    assert_int_equal(next_of(&q).deadline_ns, 7000 * MS);
    scheduler_request *check = push_probe(&q, 1);
    assert_int_equal(next_of(&q).of_class, TURNS_CHECK);
    queue_drop(&q, check, &error, 0);
    push_probe(&q, 3); /* a measurement waits its turn among sources */
    assert_int_equal(next_of(&q).of_class, TURNS_INTERACTIVE);
    empty(&q);
}

static void queries_elsewhere_keep_bulk_passes_short(void **state)
{
    (void)state;
    queue q = open_queue(100, 100000);
    pass p;
    assert_true(pass_init(&p, PASS_TOKENS));
    push(&q, SCHEDULER_PRIORITY_BULK, 0, 100, 10, 0, INT64_MAX);
    queue_note_interactive(&q, 500 * MS);
    queue_note_interactive(&q, 400 * MS); /* the later one counts */
    queue_take(&q, &p, 1, QUEUE_INTERACTIVE_MEMORY_NS + 450 * MS);
    assert_in_range(p.tokens, 1, QUEUE_BULK_BESIDE_TOKENS(PASS_TOKENS) + 9);
    settle(&q, &p, 0);
    queue_take(&q, &p, 1, QUEUE_INTERACTIVE_MEMORY_NS + 501 * MS);
    assert_true(p.tokens > PASS_TOKENS / 2);
    settle(&q, &p, 0);
    pass_free(&p);
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
        cmocka_unit_test(limits_the_wait_for_the_first_pass_and_then_the_work),
        cmocka_unit_test(finishes_a_long_request_that_goes_on),
        cmocka_unit_test(keeps_to_the_callers_time_and_to_the_longest),
        cmocka_unit_test(gives_up_what_waits_after_a_pass_that_took_too_long),
        cmocka_unit_test(does_not_count_probes),
        cmocka_unit_test(leaves_bytes_for_interactive_work_and_other_clients),
        cmocka_unit_test(leaves_room_for_interactive_work_beside_bulk),
        cmocka_unit_test(leaves_room_for_other_clients),
        cmocka_unit_test(opens_the_window_only_for_passes_that_are_not_full),
        cmocka_unit_test(says_how_much_is_ahead),
        cmocka_unit_test(tells_the_class_and_the_deadline_of_the_next_pass),
        cmocka_unit_test(queries_elsewhere_keep_bulk_passes_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
