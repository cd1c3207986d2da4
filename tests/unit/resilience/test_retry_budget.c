#include "unit.h"

#include "resilience/jitter.h"
#include "resilience/retry_budget.h"

#include "base/thread.h"

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)
#define START (50 * SECOND)
#define THREADS 4

static unsigned take_all(retry_budget *b, int64_t now_ns)
{
    unsigned taken = 0;
    while (retry_budget_take(b, now_ns))
        taken++;
    return taken;
}

static void allows_a_fifth_of_the_requests(void **state)
{
    (void)state;
    retry_budget b;
    retry_budget_init(&b, &retry_budget_defaults, START);
    assert_int_equal(take_all(&b, START), 10);
    for (int i = 0; i < 4; i++)
        retry_budget_request(&b);
    assert_false(retry_budget_take(&b, START));
    retry_budget_request(&b);
    assert_true(retry_budget_take(&b, START));
    assert_false(retry_budget_take(&b, START));
    for (int i = 0; i < 40; i++)
        retry_budget_request(&b);
    assert_int_equal(retry_budget_left(&b, START), 8);
    assert_int_equal(take_all(&b, START), 8);
}

static void saves_up_no_more_than_a_burst(void **state)
{
    (void)state;
    retry_budget b;
    retry_budget_init(&b, &retry_budget_defaults, START);
    for (int i = 0; i < 100000; i++)
        retry_budget_request(&b);
    assert_int_equal(take_all(&b, START + 3600 * SECOND), 10);
}

static void gives_a_quiet_service_its_floor(void **state)
{
    (void)state;
    retry_budget b;
    retry_budget_init(&b, &retry_budget_defaults, START);
    assert_int_equal(take_all(&b, START), 10);
    assert_false(retry_budget_take(&b, START + SECOND - MS));
    assert_true(retry_budget_take(&b, START + SECOND));
    assert_false(retry_budget_take(&b, START + SECOND));
    assert_int_equal(retry_budget_left(&b, START + 4 * SECOND), 3);
    assert_false(retry_budget_take(&b, START)); /* a clock read before another thread's */
    assert_int_equal(take_all(&b, START + 4 * SECOND), 3);
}

static void may_be_none_at_all(void **state)
{
    (void)state;
    const retry_budget_settings strict = {.percent = 0, .floor_per_s = 0, .burst = 1};
    retry_budget b;
    retry_budget_init(&b, &strict, START);
    assert_int_equal(take_all(&b, START), 1);
    for (int i = 0; i < 1000; i++)
        retry_budget_request(&b);
    assert_int_equal(take_all(&b, START + 1000 * SECOND), 0);
}

/* retries <= burst + percent x requests + floor x time, at every moment of any schedule; and all of it may be used. */
static void keeps_its_bound_over_random_schedules(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        jitter dice;
        jitter_init(&dice, seed);
        retry_budget_settings settings = {.percent = (unsigned)jitter_between(&dice, 0, 100),
                                          .floor_per_s = (unsigned)jitter_between(&dice, 0, 20),
                                          .burst = (unsigned)jitter_between(&dice, 3, 30)};
        bool greedy = seed % 2 == 0;
        retry_budget b;
        int64_t now_ns = START, taken = 0, requests = 0;
        retry_budget_init(&b, &settings, now_ns);
        if (greedy)
            taken = take_all(&b, now_ns);
        for (int step = 0; step < 300; step++) {
            now_ns += jitter_between(&dice, 0, 30) * MS;
            if (jitter_between(&dice, 0, 2) == 0) {
                retry_budget_request(&b);
                requests++;
            }
            taken += greedy ? take_all(&b, now_ns) : retry_budget_take(&b, now_ns);
            int64_t allowed = settings.burst * INT64_C(1000) + requests * settings.percent * 10 +
                              (now_ns - START) / MS * settings.floor_per_s;
            assert_true(taken * 1000 <= allowed);
            if (greedy) /* taken as soon as it comes in: nothing finds the bucket full and is lost */
                assert_true((taken + 1) * 1000 > allowed);
        }
    }
}

typedef struct crowd {
    retry_budget budget;
    _Atomic int64_t taken;
} crowd;

static void *retry_all(void *argument)
{
    crowd *c = argument;
    for (int i = 0; i < 10000; i++) {
        retry_budget_request(&c->budget);
        atomic_fetch_add(&c->taken, retry_budget_take(&c->budget, START));
    }
    return NULL;
}

static void threads_together_get_as_many_as_one(void **state)
{
    (void)state;
    const retry_budget_settings settings = {.percent = 20, .floor_per_s = 0, .burst = 10};
    static crowd c;
    retry_budget_init(&c.budget, &settings, START);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_true(thread_start(&threads[i], retry_all, &c, "retry"));
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    int64_t all = atomic_load(&c.taken) + take_all(&c.budget, START);
    /* Full to begin with: the first requests find no room to pay into. */
    assert_true(all <= 10 + THREADS * 10000 / 5);
    assert_true(all >= THREADS * 10000 / 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allows_a_fifth_of_the_requests),
        cmocka_unit_test(saves_up_no_more_than_a_burst),
        cmocka_unit_test(gives_a_quiet_service_its_floor),
        cmocka_unit_test(may_be_none_at_all),
        cmocka_unit_test(keeps_its_bound_over_random_schedules),
        cmocka_unit_test(threads_together_get_as_many_as_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
