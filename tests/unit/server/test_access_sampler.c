#include "unit.h"

#include "base/clock.h"
#include "server/request_facts.h"

#include <pthread.h>

static void takes_so_many_in_a_second(void **state)
{
    (void)state;
    access_sampler s;
    uint64_t left_out = 99;
    access_sampler_init(&s, 3);
    for (int i = 0; i < 3; i++) {
        assert_true(access_sampler_admit(&s, 5 * NS_PER_S + i, &left_out));
        assert_int_equal(left_out, 0);
    }
    for (int i = 0; i < 7; i++)
        assert_false(access_sampler_admit(&s, 6 * NS_PER_S - 1, &left_out));
    assert_true(access_sampler_admit(&s, 6 * NS_PER_S, &left_out));
    assert_int_equal(left_out, 7);
    assert_true(access_sampler_admit(&s, 6 * NS_PER_S, &left_out));
    assert_int_equal(left_out, 0);
    assert_true(access_sampler_admit(&s, 5 * NS_PER_S, &left_out)); /* a thread that is late counts for now */
    assert_false(access_sampler_admit(&s, 6 * NS_PER_S, &left_out));
}

static void nothing_passes_a_rate_of_zero(void **state)
{
    (void)state;
    access_sampler s;
    uint64_t left_out;
    access_sampler_init(&s, 0);
    assert_false(access_sampler_admit(&s, 0, &left_out));
    assert_false(access_sampler_admit(&s, 5 * NS_PER_S, &left_out));
}

enum { THREADS = 4, ROUNDS = 20000 };

static access_sampler shared;

static void *admit_many(void *cookie)
{
    uint64_t *sum = cookie;
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t left_out;
        if (access_sampler_admit(&shared, 7 * NS_PER_S, &left_out))
            sum[0] += 1 + left_out;
    }
    return NULL;
}

static void every_request_is_taken_or_counted(void **state)
{
    (void)state;
    access_sampler_init(&shared, 1000);
    pthread_t threads[THREADS];
    uint64_t sums[THREADS] = {0}, total = 0, left_out;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, admit_many, &sums[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        total += sums[i];
    }
    assert_true(access_sampler_admit(&shared, 8 * NS_PER_S, &left_out));
    assert_int_equal(total + left_out, (uint64_t)THREADS * ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_so_many_in_a_second),
        cmocka_unit_test(nothing_passes_a_rate_of_zero),
        cmocka_unit_test(every_request_is_taken_or_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
