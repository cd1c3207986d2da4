#include "scheduler/requests.h"

#include "resilience/jitter.h"
#include "scheduler/queue.h"

#define REQUESTS 300

/* Pushes, lowers and removes at random; the first is always the least of a plain list of the same requests. */
static void gives_the_earliest_whatever_came_and_went(void **state)
{
    (void)state;
    static scheduler_request requests[REQUESTS];
    bool in[REQUESTS] = {false};
    deadline_heap heap = {0};
    jitter j;
    jitter_init(&j, 5);
    assert_null(deadline_heap_first(&heap));
    for (int step = 0; step < 50000; step++) {
        size_t i = (size_t)jitter_between(&j, 0, REQUESTS - 1);
        scheduler_request *r = &requests[i];
        if (!in[i]) {
            r->expires_ns = jitter_between(&j, 0, 1000);
            assert_true(deadline_heap_push(&heap, r));
            in[i] = true;
        } else if (jitter_between(&j, 0, 1) == 0) {
            r->expires_ns += jitter_between(&j, -100, 100);
            deadline_heap_moved(&heap, r);
        } else {
            deadline_heap_remove(&heap, r);
            in[i] = false;
        }
        int64_t least = INT64_MAX;
        size_t count = 0;
        for (size_t k = 0; k < REQUESTS; k++)
            if (in[k]) {
                count++;
                least = requests[k].expires_ns < least ? requests[k].expires_ns : least;
            }
        assert_int_equal(heap.count, count);
        if (count > 0)
            assert_int_equal(deadline_heap_first(&heap)->expires_ns, least);
    }
    deadline_heap_free(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_earliest_whatever_came_and_went),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
