#include "unit.h"

#include "base/thread.h"
#include "telemetry/span_source.h"

#define THREADS 4

static void open_sources(span_sources *sources)
{
    assert_true(span_sources_open(sources, 16, 4, 64));
}

static size_t count_of(span_sources *sources)
{
    size_t count = 0;
    for (const span_source *source = span_sources_first(sources); source != NULL; source = source->next)
        count++;
    return count;
}

static void a_thread_keeps_its_source(void **state)
{
    (void)state;
    span_sources sources;
    open_sources(&sources);
    assert_null(span_sources_first(&sources));
    span_source *mine = span_source_mine(&sources);
    assert_non_null(mine);
    assert_ptr_equal(span_source_mine(&sources), mine);
    assert_ptr_equal(span_sources_first(&sources), mine);
    span_sources_close(&sources);
}

typedef struct user {
    span_sources *sources;
    pthread_barrier_t *all_have_one;
    span_source *source;
} user;

static void *use_at_once(void *argument)
{
    user *u = argument;
    u->source = span_source_mine(u->sources);
    pthread_barrier_wait(u->all_have_one);
    return NULL;
}

static void threads_alive_at_once_share_none(void **state)
{
    (void)state;
    span_sources sources;
    pthread_barrier_t all_have_one;
    pthread_t threads[THREADS];
    user users[THREADS];
    open_sources(&sources);
    pthread_barrier_init(&all_have_one, NULL, THREADS);
    for (size_t i = 0; i < THREADS; i++) {
        users[i] = (user){&sources, &all_have_one, NULL};
        assert_true(thread_start(&threads[i], use_at_once, &users[i], "uses"));
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < THREADS; i++) {
        assert_non_null(users[i].source);
        for (size_t j = 0; j < i; j++) {
            assert_ptr_not_equal(users[i].source, users[j].source);
            assert_memory_not_equal(&users[i].source->random, &users[j].source->random,
                                    sizeof users[i].source->random);
        }
    }
    assert_int_equal(count_of(&sources), THREADS);
    pthread_barrier_destroy(&all_have_one);
    span_sources_close(&sources);
}

static void *put_one(void *argument)
{
    user *u = argument;
    u->source = span_source_mine(u->sources);
    span_ring_put(&u->source->ring, &(span){.name = "s"});
    return NULL;
}

static void an_ended_thread_leaves_its_spans_to_the_next(void **state)
{
    (void)state;
    span_sources sources;
    open_sources(&sources);
    for (uint64_t i = 1; i <= 5; i++) {
        pthread_t thread;
        user u = {&sources, NULL, NULL};
        assert_true(thread_start(&thread, put_one, &u, "puts"));
        pthread_join(thread, NULL);
        assert_ptr_equal(span_sources_first(&sources), u.source);
        assert_int_equal(span_ring_waiting(&u.source->ring), i);
    }
    assert_int_equal(count_of(&sources), 1);
    span_sources_close(&sources);
}

static void closing_what_never_opened_is_nothing(void **state)
{
    (void)state;
    span_sources sources = {0};
    span_sources_close(&sources);
    open_sources(&sources);
    span_sources_close(&sources);
    span_sources_close(&sources);
}

/* The thread remembers what it used last, and must not take it for the one that came after. */
static void a_later_one_at_the_same_place_is_another(void **state)
{
    (void)state;
    span_sources sources, other;
    open_sources(&other);
    for (int i = 0; i < 2; i++) {
        open_sources(&sources);
        assert_null(span_sources_first(&sources));
        span_source *mine = span_source_mine(&sources);
        assert_non_null(mine);
        assert_ptr_equal(span_sources_first(&sources), mine);
        assert_ptr_not_equal(span_source_mine(&other), mine);
        assert_ptr_equal(span_source_mine(&sources), mine);
        span_sources_close(&sources);
    }
    assert_int_equal(count_of(&other), 1);
    span_sources_close(&other);
}

static void fails_to_open_when_thread_keys_ran_out(void **state)
{
    (void)state;
    static pthread_key_t keys[4096];
    span_sources sources;
    size_t count = 0;
    while (count < sizeof keys / sizeof *keys && pthread_key_create(&keys[count], NULL) == 0)
        count++;
    assert_true(count < sizeof keys / sizeof *keys);
    assert_false(span_sources_open(&sources, 16, 4, 64));
    span_sources_close(&sources);
    while (count > 0)
        pthread_key_delete(keys[--count]);
    open_sources(&sources);
    span_sources_close(&sources);
}

/* The first numbers that the authors' xoshiro256plusplus.c makes of the seed 1, 2, 3, 4. */
static void numbers_are_those_of_xoshiro256plusplus(void **state)
{
    (void)state;
    static const uint64_t expected[] = {UINT64_C(41943041), UINT64_C(58720359), UINT64_C(3588806011781223),
                                        UINT64_C(3591011842654386)};
    span_random random = {{1, 2, 3, 4}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        assert_true(span_random_next(&random) == expected[i]);
}

static void no_number_is_zero(void **state)
{
    (void)state;
    span_random random = {{0, 5, 7, 0}}; /* whose next number would be 0 */
    assert_true(span_random_next(&random) != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_keeps_its_source),
        cmocka_unit_test(threads_alive_at_once_share_none),
        cmocka_unit_test(an_ended_thread_leaves_its_spans_to_the_next),
        cmocka_unit_test(closing_what_never_opened_is_nothing),
        cmocka_unit_test(a_later_one_at_the_same_place_is_another),
        cmocka_unit_test(fails_to_open_when_thread_keys_ran_out),
        cmocka_unit_test(numbers_are_those_of_xoshiro256plusplus),
        cmocka_unit_test(no_number_is_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
