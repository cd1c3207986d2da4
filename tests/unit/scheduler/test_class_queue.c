#include "scheduler/requests.h"

#include "resilience/jitter.h"
#include "scheduler/class_queue.h"

static scheduler_request *push(class_queue *c, uint64_t client, size_t count, size_t tokens)
{
    scheduler_request *r = make_request(SCHEDULER_PRIORITY_BULK, client, count, tokens);
    assert_true(class_queue_push(c, r));
    return r;
}

/* Takes the next sequence; returns the client, and frees requests that are through. */
static uint64_t take(class_queue *c)
{
    scheduler_request *head = class_queue_head(c);
    assert_non_null(head);
    uint64_t client = head->client;
    if (class_queue_take(c, head, head->sequences[head->taken].count))
        scheduler_request_free(head);
    return client;
}

static void serves_one_client_in_order(void **state)
{
    (void)state;
    class_queue c = {0};
    assert_null(class_queue_head(&c));
    scheduler_request *a = push(&c, 0, 3, 200), *b = push(&c, 0, 1, 10);
    assert_int_equal(c.requests, 2);
    assert_int_equal(c.tokens, 610);
    for (int i = 0; i < 3; i++) {
        assert_ptr_equal(class_queue_head(&c), a);
        take(&c);
        assert_int_equal(c.requests, 1);
    }
    assert_ptr_equal(class_queue_head(&c), b);
    take(&c);
    assert_int_equal(c.requests, 0);
    assert_int_equal(c.tokens, 0);
    assert_null(class_queue_head(&c));
    assert_null(class_queue_flow(&c, 0));
}

static void forgets_what_is_removed(void **state)
{
    (void)state;
    class_queue c = {0};
    scheduler_request *a = push(&c, 1, 2, 10), *b = push(&c, 2, 2, 10), *d = push(&c, 1, 1, 7);
    take(&c); /* begins a */
    assert_int_equal(class_queue_flow(&c, 1)->tokens, 17);
    assert_int_equal(class_queue_flow(&c, 1)->requests, 1);
    class_queue_remove(&c, a);
    assert_int_equal(class_queue_flow(&c, 1)->tokens, 7);
    class_queue_remove(&c, b);
    assert_null(class_queue_flow(&c, 2));
    assert_int_equal(c.tokens, 7);
    assert_int_equal(c.requests, 1);
    assert_ptr_equal(class_queue_head(&c), d);
    class_queue_remove(&c, d);
    assert_null(class_queue_head(&c));
    scheduler_request_free(a);
    scheduler_request_free(b);
    scheduler_request_free(d);
}

/* While clients always have work waiting, none is ever ahead of another by more than two turns and the longest texts of
 * both, whatever the sizes of their requests and texts. */
static void gives_waiting_clients_equal_shares(void **state)
{
    (void)state;
    enum { CLIENTS = 5, LONGEST = 512 };
    class_queue c = {0};
    jitter j;
    jitter_init(&j, 11);
    int64_t got[CLIENTS] = {0};
    for (int step = 0; step < 20000; step++) {
        for (uint64_t client = 0; client < CLIENTS; client++)
            if (class_queue_flow(&c, client) == NULL ||
                class_queue_flow(&c, client)->waiting.first->next == NULL)
                push(&c, client, client == 0 ? 64 : (size_t)jitter_between(&j, 1, 4),
                     client == 1 ? 2 : (size_t)jitter_between(&j, 1, LONGEST));
        size_t tokens = class_queue_head(&c)->sequences[class_queue_head(&c)->taken].count;
        got[take(&c)] += (int64_t)tokens;
        int64_t least = INT64_MAX, most = 0;
        for (size_t i = 0; i < CLIENTS; i++) {
            least = got[i] < least ? got[i] : least;
            most = got[i] > most ? got[i] : most;
        }
        assert_true(most - least <= 2 * CLASS_QUEUE_TURN_TOKENS + 2 * LONGEST);
    }
    while (class_queue_head(&c) != NULL)
        take(&c);
    assert_int_equal(c.tokens, 0);
}

/* A client that floods is served no more than half beside one that asks now and then, and that one never waits for more
 * than a turn of each other client. */
static void lets_a_modest_client_through_a_flood(void **state)
{
    (void)state;
    class_queue c = {0};
    for (int i = 0; i < 100; i++)
        push(&c, 7, 20, 100);
    for (int round = 0; round < 50; round++) {
        push(&c, 8, 1, 50);
        size_t before = 0;
        while (take(&c) != 8)
            before += 100;
        assert_true(before <= CLASS_QUEUE_TURN_TOKENS + 2 * 100);
    }
    while (class_queue_head(&c) != NULL)
        take(&c);
}

static void keeps_many_clients_apart(void **state)
{
    (void)state;
    enum { CLIENTS = 1000 };
    class_queue c = {0};
    bool seen[CLIENTS] = {false};
    for (uint64_t client = 0; client < CLIENTS; client++)
        push(&c, client * 64, 1, 300);
    for (int i = 0; i < CLIENTS; i++) {
        uint64_t client = take(&c);
        assert_false(seen[client / 64]);
        seen[client / 64] = true;
    }
    assert_null(class_queue_head(&c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(serves_one_client_in_order),
        cmocka_unit_test(forgets_what_is_removed),
        cmocka_unit_test(gives_waiting_clients_equal_shares),
        cmocka_unit_test(lets_a_modest_client_through_a_flood),
        cmocka_unit_test(keeps_many_clients_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
