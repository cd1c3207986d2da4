#include "unit.h"

#include "base/memory.h"
#include "base/thread.h"
#include "telemetry/metrics_internal.h"

#include <math.h>

#define WRITERS 4
#define EVENTS 20000

static metrics *open_metrics(void)
{
    static const char *const model = "m", *const code = "internal_error";
    const metric_names domains[] = {{&model, 1}, {&code, 1}};
    metrics *m;
    aki_error error;
    assert_int_equal(metrics_open(&m, domains, &error), AKI_OK);
    return m;
}

static uint64_t word_of(metrics *m, metric_id id, size_t series, size_t index)
{
    uint64_t *totals = metrics_collect(m);
    assert_non_null(totals);
    uint64_t value = totals[m->first_word[id] + series * m->series_words[id] + index];
    mem_free(totals);
    return value;
}

static void a_value_on_a_bound_belongs_to_its_bucket(void **state)
{
    (void)state;
    metrics *m = open_metrics();
    metric_shard *shard = metrics_shard(m);
    const metric *row = &metric_table[METRIC_BATCH_SIZE];
    metrics_observe(shard, METRIC_BATCH_SIZE, 0, 2, NULL);
    metrics_observe(shard, METRIC_BATCH_SIZE, 0, nextafter(2, 3), NULL);
    metrics_observe(shard, METRIC_BATCH_SIZE, 0, 1e9, NULL);
    metrics_observe(shard, METRIC_BATCH_SIZE, 0, NAN, NULL);
    assert_int_equal(word_of(m, METRIC_BATCH_SIZE, 0, 1), 1);
    assert_int_equal(word_of(m, METRIC_BATCH_SIZE, 0, 2), 1);
    assert_int_equal(word_of(m, METRIC_BATCH_SIZE, 0, row->bound_count), 1);
    assert_true(metric_double(word_of(m, METRIC_BATCH_SIZE, 0, row->bound_count + 1)) > 1e9);
    metrics_close(m);
}

static void a_gauge_may_fall_in_another_thread_than_it_rose(void **state)
{
    (void)state;
    metrics *m = open_metrics();
    metrics_change(metrics_shard(m), METRIC_REQUESTS_IN_FLIGHT, 0, 3);
    metrics_change(metrics_shard(m), METRIC_REQUESTS_IN_FLIGHT, 0, -4);
    assert_int_equal((int64_t)word_of(m, METRIC_REQUESTS_IN_FLIGHT, 0, 0), -1);
    metrics_close(m);
}

static void *count_once(void *argument)
{
    metrics_add(metrics_shard(argument), METRIC_REQUESTS, 0, 1);
    return NULL;
}

static void the_counts_of_ended_threads_stay(void **state)
{
    (void)state;
    metrics *m = open_metrics();
    for (unsigned i = 1; i <= 20; i++) {
        pthread_t thread;
        assert_true(thread_start(&thread, count_once, m, "count"));
        pthread_join(thread, NULL);
        assert_int_equal(word_of(m, METRIC_REQUESTS, 0, 0), i);
    }
    size_t shards = 0;
    for (const metric_shard *shard = m->shards; shard != NULL; shard = shard->next)
        shards++;
    assert_int_equal(shards, 1);
    metrics_close(m);
}

static void *observe_ones(void *argument)
{
    static const metric_exemplar exemplar = {{1}, {2}};
    metric_shard *shard = metrics_shard(argument);
    for (int i = 0; i < EVENTS; i++) {
        metrics_observe(shard, METRIC_BATCH_SIZE, 0, 1, i % 16 == 0 ? &exemplar : NULL);
        metrics_add(shard, METRIC_REQUESTS, 0, 1);
    }
    return NULL;
}

/* Every observation is 1, so in each consistent view the sum is the count. */
static void a_scrape_sees_whole_observations_while_threads_write(void **state)
{
    (void)state;
    metrics *m = open_metrics();
    pthread_t threads[WRITERS];
    const size_t bounds = metric_table[METRIC_BATCH_SIZE].bound_count;
    for (size_t i = 0; i < WRITERS; i++)
        assert_true(thread_start(&threads[i], observe_ones, m, "observe"));
    uint64_t last = 0;
    while (last < (uint64_t)WRITERS * EVENTS) {
        uint64_t *totals = metrics_collect(m);
        assert_non_null(totals);
        const uint64_t *words = totals + m->first_word[METRIC_BATCH_SIZE];
        assert_true(metric_double(words[bounds + 1]) == (double)words[0]);
        assert_true(words[0] >= last);
        last = words[0];
        mem_free(totals);
    }
    for (size_t i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(word_of(m, METRIC_REQUESTS, 0, 0), (uint64_t)WRITERS * EVENTS);
    metrics_close(m);
}

/* The bucket is written and the sum is not; then it loses its CPU for a while. */
static void *observe_haltingly(void *argument)
{
    metric_shard *shard = argument;
    metric_word *words = shard->words + shard->owner->first_word[METRIC_BATCH_SIZE];
    nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL);
    atomic_store(&words[metric_table[METRIC_BATCH_SIZE].bound_count + 1], metric_bits(1));
    atomic_store(&shard->sequence, 2);
    return NULL;
}

static void a_scrape_waits_for_a_writer_that_lost_its_cpu(void **state)
{
    (void)state;
    metrics *m = open_metrics();
    metric_shard *shard = metrics_shard(m);
    atomic_store(&shard->sequence, 1);
    atomic_store(&shard->words[m->first_word[METRIC_BATCH_SIZE]], 1);
    pthread_t thread;
    assert_true(thread_start(&thread, observe_haltingly, shard, "halt"));
    assert_true(metric_double(
                    word_of(m, METRIC_BATCH_SIZE, 0, metric_table[METRIC_BATCH_SIZE].bound_count + 1)) == 1);
    pthread_join(thread, NULL);
    metrics_close(m);
}

static void nothing_happens_without_a_shard(void **state)
{
    (void)state;
    metrics_add(NULL, METRIC_REQUESTS, 0, 1);
    metrics_change(NULL, METRIC_REQUESTS_IN_FLIGHT, 0, 1);
    metrics_observe(NULL, METRIC_BATCH_SIZE, 0, 1, NULL);
    metrics_close(NULL);
}

static void the_latest_exemplar_stands(void **state)
{
    (void)state;
    metrics *m = open_metrics();
    const size_t bounds = metric_table[METRIC_BATCH_SIZE].bound_count;
    metric_exemplar exemplar = {{0}, {0}};
    for (uint8_t i = 1; i <= 3; i++) {
        exemplar.trace_id[0] = i;
        metrics_observe(metrics_shard(m), METRIC_BATCH_SIZE, 0, 1, &exemplar);
    }
    metrics_observe(metrics_shard(m), METRIC_BATCH_SIZE, 0, 1, NULL);
    uint64_t trace = word_of(m, METRIC_BATCH_SIZE, 0, bounds + 2 + 2);
    assert_int_equal(*(const uint8_t *)&trace, 3);
    metrics_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_on_a_bound_belongs_to_its_bucket),
        cmocka_unit_test(a_gauge_may_fall_in_another_thread_than_it_rose),
        cmocka_unit_test(the_counts_of_ended_threads_stay),
        cmocka_unit_test(a_scrape_sees_whole_observations_while_threads_write),
        cmocka_unit_test(a_scrape_waits_for_a_writer_that_lost_its_cpu),
        cmocka_unit_test(nothing_happens_without_a_shard),
        cmocka_unit_test(the_latest_exemplar_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
