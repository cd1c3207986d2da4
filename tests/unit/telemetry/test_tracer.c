/* The tracer with an exporter that keeps what it gets, and that can be held up. */
#include "unit.h"

#include "base/clock.h"
#include "base/thread.h"
#include "telemetry/tracer.h"

#include <pthread.h>

#define KEPT 4000

typedef struct collector {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool held;     /* exports do not return */
    size_t inside; /* exports under way */
    size_t count, batches, largest_batch;
    int64_t wall_offset_ns;
    export_result answer; /* all zero = everything exported */
    span spans[KEPT];
    int64_t hurried_until_ns;
    bool absent; /* nobody listens */
    size_t asked;
} collector;

static export_result take_batch(void *cookie, const span *const *spans, size_t count, int64_t wall_offset_ns,
                                int64_t deadline_ns)
{
    collector *c = cookie;
    (void)deadline_ns;
    pthread_mutex_lock(&c->lock);
    c->inside++;
    pthread_cond_broadcast(&c->changed);
    while (c->held)
        pthread_cond_wait(&c->changed, &c->lock);
    for (size_t i = 0; i < count && c->count < KEPT; i++)
        c->spans[c->count++] = *spans[i];
    c->batches++;
    c->largest_batch = count > c->largest_batch ? count : c->largest_batch;
    c->wall_offset_ns = wall_offset_ns;
    c->inside--;
    const bool all = c->answer.exported + c->answer.rejected + c->answer.failed == 0;
    export_result result = all ? (export_result){.exported = count} : c->answer;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
    return result;
}

static void hurry(void *cookie, int64_t deadline_ns)
{
    collector *c = cookie;
    pthread_mutex_lock(&c->lock);
    c->hurried_until_ns = deadline_ns;
    c->held = false; /* as an exporter gives up what it is doing */
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

static bool listens(void *cookie, int64_t deadline_ns)
{
    collector *c = cookie;
    (void)deadline_ns;
    pthread_mutex_lock(&c->lock);
    c->asked++;
    const bool absent = c->absent;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
    return !absent;
}

/* Waits until it was asked `times` times more, the last answer having been taken. */
static void wait_asked(collector *c, size_t times)
{
    pthread_mutex_lock(&c->lock);
    for (const size_t until = c->asked + times + 1; c->asked < until;)
        pthread_cond_wait(&c->changed, &c->lock);
    pthread_mutex_unlock(&c->lock);
}

static collector *collector_new(void)
{
    collector *c = calloc(1, sizeof *c);
    assert_non_null(c);
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->changed, NULL);
    return c;
}

static tracer_settings settings_for(collector *c)
{
    tracer_settings settings;
    tracer_settings_init(&settings);
    settings.delay_ms = 3600000; /* nothing happens by itself */
    settings.exporter = (span_exporter){.export = take_batch, .hurry = hurry, .cookie = c};
    return settings;
}

static tracer *open_tracer(const tracer_settings *settings)
{
    tracer *t;
    aki_error error;
    assert_int_equal(tracer_open(&t, settings, &error), AKI_OK);
    return t;
}

static bool is_zero(const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

static void makes_ids_and_joins_traces(void **state)
{
    (void)state;
    collector *c = collector_new();
    tracer_settings settings = settings_for(c);
    tracer *t = open_tracer(&settings);
    trace_context parent;
    trace_root first, second, joined;
    tracer_begin(t, NULL, &first);
    tracer_begin(t, NULL, &second);
    assert_true(first.traced && first.sampled);
    assert_false(is_zero(first.trace_id, TRACE_ID_BYTES) || is_zero(first.span_id, SPAN_ID_BYTES));
    assert_true(is_zero(first.parent_id, SPAN_ID_BYTES));
    assert_memory_not_equal(first.trace_id, second.trace_id, TRACE_ID_BYTES);
    assert_memory_not_equal(first.span_id, second.span_id, SPAN_ID_BYTES);
    assert_true(trace_context_parse(&parent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"));
    tracer_begin(t, &parent, &joined);
    assert_memory_equal(joined.trace_id, parent.trace_id, TRACE_ID_BYTES);
    assert_memory_equal(joined.parent_id, parent.span_id, SPAN_ID_BYTES);
    assert_memory_not_equal(joined.span_id, parent.span_id, SPAN_ID_BYTES);
    assert_false(joined.sampled);
    tracer_close(t, 1000);
    assert_int_equal(c->batches, 0);
    free(c);
}

static void distrusts_the_callers_flag_when_told(void **state)
{
    (void)state;
    collector *c = collector_new();
    tracer_settings settings = settings_for(c);
    trace_context parent;
    trace_root root;
    settings.trust_parent = false;
    settings.sampler = sampler_make(0, true);
    tracer *t = open_tracer(&settings);
    assert_true(trace_context_parse(&parent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
    tracer_begin(t, &parent, &root);
    assert_false(root.sampled);
    assert_memory_equal(root.trace_id, parent.trace_id, TRACE_ID_BYTES);
    tracer_close(t, 1000);
    free(c);
}

static void does_nothing_without_a_tracer(void **state)
{
    (void)state;
    trace_context parent;
    trace_root root;
    const span s = {.name = "s"};
    tracer_counts counts;
    uint8_t id[SPAN_ID_BYTES];
    tracer_begin(NULL, NULL, &root);
    assert_false(root.traced || root.sampled);
    assert_true(trace_context_parse(&parent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
    tracer_begin(NULL, &parent, &root);
    assert_true(root.traced);
    assert_false(root.sampled);
    assert_memory_equal(root.span_id, parent.span_id, SPAN_ID_BYTES);
    tracer_span_id(NULL, id);
    assert_true(is_zero(id, sizeof id));
    tracer_emit(NULL, &s);
    tracer_read_counts(NULL, &counts);
    assert_int_equal(counts.exported, 0);
    tracer_finish(NULL, 1);
    tracer_close(NULL, 1);
}

static void exports_a_tree_when_it_closes(void **state)
{
    (void)state;
    collector *c = collector_new();
    tracer_settings settings = settings_for(c);
    tracer *t = open_tracer(&settings);
    trace_root root;
    uint8_t child_id[SPAN_ID_BYTES];
    tracer_begin(t, NULL, &root);
    tracer_span_id(t, child_id);
    span child = {.name = "child", .kind = SPAN_INTERNAL, .start_ns = 2, .end_ns = 3},
         whole = {.name = "root", .kind = SPAN_SERVER, .start_ns = 1, .end_ns = 4};
    trace_root_child(&root, child_id, &child);
    tracer_emit(t, &child);
    trace_root_span(&root, &whole);
    tracer_emit(t, &whole);
    const int64_t offset = clock_wall_ns() - clock_monotonic_ns();
    tracer_finish(t, 10000);
    tracer_counts counts;
    tracer_read_counts(t, &counts);
    assert_int_equal(counts.exported, 2);
    assert_int_equal(c->count, 2);
    assert_memory_equal(c->spans[0].parent_id, c->spans[1].span_id, SPAN_ID_BYTES);
    assert_memory_equal(c->spans[0].trace_id, c->spans[1].trace_id, TRACE_ID_BYTES);
    assert_memory_equal(c->spans[0].span_id, child_id, SPAN_ID_BYTES);
    assert_false(c->spans[1].remote_parent);
    assert_true(c->spans[0].random_trace && c->spans[1].random_trace);
    assert_true(llabs(c->wall_offset_ns - offset) < 60 * NS_PER_S);
    tracer_close(t, 10000);
    free(c);
}

static void exports_by_itself_when_a_batch_is_full(void **state)
{
    (void)state;
    collector *c = collector_new();
    tracer_settings settings = settings_for(c);
    settings.batch_spans = 100;
    tracer *t = open_tracer(&settings);
    const span s = {.name = "s"};
    for (int i = 0; i < 100; i++)
        tracer_emit(t, &s);
    pthread_mutex_lock(&c->lock);
    while (c->batches == 0)
        pthread_cond_wait(&c->changed, &c->lock);
    pthread_mutex_unlock(&c->lock);
    for (int i = 0; i < 230; i++)
        tracer_emit(t, &s);
    tracer_close(t, 10000);
    assert_int_equal(c->count, 330);
    assert_true(c->largest_batch <= 100);
    free(c);
}

static void exports_by_itself_when_the_delay_has_passed(void **state)
{
    (void)state;
    collector *c = collector_new();
    tracer_settings settings = settings_for(c);
    settings.delay_ms = 1;
    tracer *t = open_tracer(&settings);
    const span s = {.name = "s"};
    tracer_emit(t, &s);
    pthread_mutex_lock(&c->lock);
    while (c->count == 0)
        pthread_cond_wait(&c->changed, &c->lock);
    pthread_mutex_unlock(&c->lock);
    tracer_close(t, 1000);
    free(c);
}

static void drops_and_counts_while_the_exporter_hangs(void **state)
{
    (void)state;
    collector *c = collector_new();
    tracer_settings settings = settings_for(c);
    settings.queue_spans = 50;
    settings.batch_spans = 10;
    c->held = true;
    tracer *t = open_tracer(&settings);
    const span s = {.name = "s"};
    for (int i = 0; i < 10; i++)
        tracer_emit(t, &s);
    pthread_mutex_lock(&c->lock);
    while (c->inside == 0) /* ten are on their way, and stay there */
        pthread_cond_wait(&c->changed, &c->lock);
    pthread_mutex_unlock(&c->lock);
    for (int i = 0; i < 1000; i++)
        tracer_emit(t, &s);
    tracer_counts counts;
    tracer_read_counts(t, &counts);
    assert_int_equal(counts.dropped_queue_full, 950);
    tracer_finish(t, 10000);
    tracer_read_counts(t, &counts);
    assert_int_equal(counts.exported, 60);
    assert_true(c->hurried_until_ns > 0);
    tracer_close(t, 0);
    free(c);
}

static void counts_what_was_refused_and_what_time_did_not_allow(void **state)
{
    (void)state;
    collector *c = collector_new();
    tracer_settings settings = settings_for(c);
    tracer_counts counts;
    const span s = {.name = "s"};
    c->answer = (export_result){.exported = 1, .rejected = 2, .failed = 3};
    tracer *t = open_tracer(&settings);
    for (int i = 0; i < 6; i++)
        tracer_emit(t, &s);
    tracer_finish(t, 10000);
    tracer_read_counts(t, &counts);
    assert_int_equal(counts.exported, 1);
    assert_int_equal(counts.dropped_rejected, 2);
    assert_int_equal(counts.dropped_failed, 3);
    tracer_close(t, 0);

    t = open_tracer(&settings);
    for (int i = 0; i < 6; i++)
        tracer_emit(t, &s);
    tracer_finish(t, 0); /* no time at all */
    tracer_read_counts(t, &counts);
    assert_int_equal(counts.dropped_failed, 6);
    assert_int_equal(c->batches, 1);
    tracer_close(t, 0);
    free(c);
}

static void samples_nothing_while_nobody_listens(void **state)
{
    (void)state;
    collector *c = collector_new();
    tracer_settings settings = settings_for(c);
    settings.exporter.listens = listens;
    settings.delay_ms = settings.probe_ms = 1;
    c->absent = true;
    c->answer = (export_result){.failed = 1};
    tracer *t = open_tracer(&settings);
    trace_root root;
    trace_context parent;
    const span s = {.name = "s"};
    tracer_begin(t, NULL, &root);
    assert_true(root.sampled);
    tracer_emit(t, &s);
    wait_asked(c, 1);
    tracer_begin(t, NULL, &root);
    assert_true(root.traced); /* ids for the log */
    assert_false(root.sampled);
    assert_true(trace_context_parse(&parent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
    tracer_begin(t, &parent, &root);
    assert_false(root.sampled);
    tracer_emit(t, &s); /* of a request that began before */
    wait_asked(c, 1);
    tracer_counts counts;
    tracer_read_counts(t, &counts);
    assert_int_equal(counts.dropped_failed, 2);
    assert_int_equal(c->batches, 1);
    pthread_mutex_lock(&c->lock);
    c->absent = false;
    c->answer = (export_result){0};
    const size_t asked = c->asked;
    while (c->asked == asked)
        pthread_cond_wait(&c->changed, &c->lock);
    pthread_mutex_unlock(&c->lock);
    do /* the answer is on its way */
        tracer_begin(t, &parent, &root);
    while (!root.sampled);
    tracer_emit(t, &s);
    tracer_close(t, 10000);
    assert_int_equal(c->count, 2); /* the first, and the last */
    free(c);
}

#define THREADS 8
#define PER_THREAD 400

static void *emit_many(void *argument)
{
    const span s = {.name = "s"};
    for (int i = 0; i < PER_THREAD; i++)
        tracer_emit(argument, &s);
    return NULL;
}

static void loses_nothing_of_threads_that_come_and_go(void **state)
{
    (void)state;
    collector *c = collector_new();
    tracer_settings settings = settings_for(c);
    settings.queue_spans = THREADS * PER_THREAD; /* threads that follow each other share a ring */
    tracer *t = open_tracer(&settings);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_true(thread_start(&threads[i], emit_many, t, "emits"));
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    tracer_close(t, 60000);
    assert_int_equal(c->count, THREADS * PER_THREAD);
    free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_ids_and_joins_traces),
        cmocka_unit_test(distrusts_the_callers_flag_when_told),
        cmocka_unit_test(does_nothing_without_a_tracer),
        cmocka_unit_test(exports_a_tree_when_it_closes),
        cmocka_unit_test(exports_by_itself_when_a_batch_is_full),
        cmocka_unit_test(exports_by_itself_when_the_delay_has_passed),
        cmocka_unit_test(drops_and_counts_while_the_exporter_hangs),
        cmocka_unit_test(counts_what_was_refused_and_what_time_did_not_allow),
        cmocka_unit_test(samples_nothing_while_nobody_listens),
        cmocka_unit_test(loses_nothing_of_threads_that_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
