/* Several schedulers on one crew. */
#include "scheduler/rig.h"

#include "scheduler/scheduler_internal.h"

#define MODELS 2

/* A crew and schedulers on it, each with an encoder of its own. */
typedef struct house {
    crew *c;
    encoder encs[MODELS];
    scheduler *s[MODELS];
} house;

static void open_model(house *h, unsigned i, size_t cache_bytes)
{
    const scheduler_settings settings = {.crew = h->c,
                                         .max_queue_requests = 1000,
                                         .max_queue_tokens = 100000,
                                         .max_queue_bytes = 1 << 24,
                                         .cache_bytes = cache_bytes};
    aki_error error;
    assert_int_equal(scheduler_open(&h->s[i], &h->encs[i], &settings, &error), AKI_OK);
}

static void open_house(house *h, unsigned threads)
{
    const crew_settings settings = {.threads = threads, .name = SCHEDULER_THREAD_NAME};
    aki_error error;
    assert_int_equal(crew_open(&h->c, &settings, &error), AKI_OK);
    for (unsigned i = 0; i < MODELS; i++) {
        fake_init(&h->encs[i]);
        open_model(h, i, 0);
    }
}

static void close_house(house *h)
{
    for (unsigned i = 0; i < MODELS; i++)
        scheduler_close(h->s[i]);
    crew_close(h->c);
}

static scheduler_stats stats_of(scheduler *s)
{
    scheduler_stats stats;
    scheduler_read_stats(s, &stats);
    return stats;
}

/* A request of two texts of 50 tokens each, which fill a pass, in the class given. */
static void submit_pass(scheduler *s, char first, scheduler_priority priority, outcome *o)
{
    char texts[2][FAKE_MAX_TOKENS];
    memset(texts[0], first, FAKE_MAX_TOKENS);
    memset(texts[1], first, FAKE_MAX_TOKENS);
    texts[1][1] = '.';
    const aki_text spans[2] = {{texts[0], FAKE_MAX_TOKENS}, {texts[1], FAKE_MAX_TOKENS}};
    const scheduler_submission submission = {
        .texts = spans, .count = 2, .priority = priority, .done = on_done, .cookie = o};
    aki_error error;
    outcome_init(o);
    assert_int_equal(scheduler_submit(s, &submission, &o->request, &error), AKI_OK);
}

typedef struct watcher {
    outcome o; /* first: on_done's cookie */
    encoder *other;
    size_t passes_of_other; /* when the request was done */
} watcher;

static void note_passes(void *cookie, scheduler_request *request, const scheduler_result *result)
{
    watcher *w = cookie;
    pthread_mutex_lock(&w->other->lock);
    w->passes_of_other = w->other->passes;
    pthread_mutex_unlock(&w->other->lock);
    on_done(&w->o, request, result);
}

static void submit_watched(scheduler *s, const char *text, int64_t deadline_ns, encoder *other, watcher *w)
{
    const aki_text span = text_of(text);
    const scheduler_submission submission = {
        .texts = &span, .count = 1, .deadline_ns = deadline_ns, .done = note_passes, .cookie = w};
    aki_error error;
    outcome_init(&w->o);
    w->other = other;
    assert_int_equal(scheduler_submit(s, &submission, &w->o.request, &error), AKI_OK);
}

static void a_query_does_not_wait_for_a_busy_model(void **state)
{
    (void)state;
    static const scheduler_priority classes[] = {SCHEDULER_PRIORITY_INTERACTIVE, SCHEDULER_PRIORITY_BULK};
    for (size_t c = 0; c < 2; c++) {
        static house h;
        static outcome many[20];
        open_house(&h, 1);
        fake_close_gate(&h.encs[0]);
        for (unsigned i = 0; i < 20; i++)
            submit_pass(h.s[0], (char)('a' + i), classes[c], &many[i]);
        fake_wait_entered(&h.encs[0], 1);
        watcher query;
        submit_watched(h.s[1], "query", 0, &h.encs[0], &query);
        fake_open_gate(&h.encs[0]);
        outcome_wait(&query.o);
        assert_int_equal(query.o.status, AKI_OK);
        assert_float_equal(query.o.first[0], sum_of("query"), 0);
        assert_true(query.passes_of_other <= 2);
        for (unsigned i = 0; i < 20; i++)
            outcome_wait(&many[i]);
        close_house(&h);
    }
}

/* Bulk passes of one model are short while queries come to another. */
static void bulk_passes_are_short_beside_queries_of_another_model(void **state)
{
    (void)state;
    static house h;
    open_house(&h, 1);
    outcome query, bulk;
    submit_one(h.s[1], "query", &query);
    outcome_wait(&query);
    char texts[8][10];
    aki_text spans[8];
    for (size_t i = 0; i < 8; i++) {
        memset(texts[i], (int)('a' + i), 10);
        spans[i] = (aki_text){texts[i], 10};
    }
    const scheduler_submission submission = {
        .texts = spans, .count = 8, .priority = SCHEDULER_PRIORITY_BULK, .done = on_done, .cookie = &bulk};
    aki_error error;
    outcome_init(&bulk);
    assert_int_equal(scheduler_submit(h.s[0], &submission, &bulk.request, &error), AKI_OK);
    outcome_wait(&bulk);
    for (size_t i = 0; i < h.encs[0].passes; i++)
        assert_true(h.encs[0].pass_tokens[i] <= QUEUE_BULK_BESIDE_TOKENS(FAKE_PASS_TOKENS) + 10);
    close_house(&h);
}

static void a_nearer_deadline_goes_first(void **state)
{
    (void)state;
    static house h;
    open_house(&h, 1);
    outcome first;
    watcher late, soon;
    fake_close_gate(&h.encs[0]);
    submit_one(h.s[0], "first", &first);
    fake_wait_entered(&h.encs[0], 1);
    /* Both models will have had the same time, and it would be the second one's turn. */
    const int64_t now_ns = clock_monotonic_ns();
    submit_watched(h.s[1], "late", now_ns + 7200 * NS_PER_S, &h.encs[0], &late);
    submit_watched(h.s[0], "soon", now_ns + 3600 * NS_PER_S, &h.encs[1], &soon);
    fake_open_gate(&h.encs[0]);
    outcome_wait(&first);
    outcome_wait(&late.o);
    outcome_wait(&soon.o);
    assert_int_equal(soon.passes_of_other, 0);
    assert_int_equal(late.passes_of_other, 2);
    close_house(&h);
}

static void what_expires_is_told_while_another_model_is_busy(void **state)
{
    (void)state;
    static house h;
    static outcome many[8];
    open_house(&h, 1);
    fake_close_gate(&h.encs[0]);
    for (unsigned i = 0; i < 8; i++)
        submit_pass(h.s[0], (char)('a' + i), SCHEDULER_PRIORITY_INTERACTIVE, &many[i]);
    fake_wait_entered(&h.encs[0], 1);
    watcher query;
    const int64_t deadline_ns = clock_monotonic_ns() + 3600 * NS_PER_S;
    submit_watched(h.s[1], "query", deadline_ns, &h.encs[0], &query);
    /* Its time passes while the worker is inside: moved to now, as the clock cannot be. */
    pthread_mutex_lock(crew_lock(h.c));
    query.o.request->expires_ns = 1;
    deadline_heap_moved(&h.s[1]->q.deadlines, query.o.request);
    pthread_mutex_unlock(crew_lock(h.c));
    fake_open_gate(&h.encs[0]);
    outcome_wait(&query.o);
    assert_int_equal(query.o.status, AKI_DEADLINE_EXCEEDED);
    assert_int_equal(query.passes_of_other, 1); /* before the next pass began */
    for (unsigned i = 0; i < 8; i++)
        outcome_wait(&many[i]);
    assert_int_equal(h.encs[1].passes, 0);
    close_house(&h);
}

static void a_model_that_fails_leaves_the_other_alone(void **state)
{
    (void)state;
    static house h;
    open_house(&h, 2);
    h.encs[0].outcome = AKI_MODEL_CHANGED;
    for (unsigned i = 0; i < 50; i++) {
        outcome bad, good;
        submit_one(h.s[0], "bad", &bad);
        submit_one(h.s[1], "good", &good);
        outcome_wait(&bad);
        outcome_wait(&good);
        assert_int_not_equal(bad.status, AKI_OK);
        assert_int_equal(good.status, AKI_OK);
        assert_float_equal(good.first[0], sum_of("good"), 0);
    }
    close_house(&h);
}

static void buffers_are_opened_when_needed_and_closed_with_their_scheduler(void **state)
{
    (void)state;
    static house h;
    open_house(&h, 2);
    /* One worker's of each, from the beginning. */
    const size_t one = stats_of(h.s[0]).worker_bytes;
    assert_true(one > 0);
    fake_close_gate(&h.encs[0]);
    outcome a, b;
    submit_one(h.s[0], "a", &a);
    fake_wait_entered(&h.encs[0], 1);
    submit_one(h.s[0], "b", &b);
    fake_wait_entered(&h.encs[0], 2);
    assert_int_equal(stats_of(h.s[0]).worker_bytes, 2 * one);
    assert_int_equal(stats_of(h.s[1]).worker_bytes, one);
    fake_open_gate(&h.encs[0]);
    outcome_wait(&a);
    outcome_wait(&b);
    scheduler_stop(h.s[0], false);
    assert_int_equal(stats_of(h.s[0]).worker_bytes, 0);
    submit_one(h.s[1], "c", &a);
    outcome_wait(&a);
    assert_int_equal(a.status, AKI_OK);
    close_house(&h);
}

/* One thread's requests to a model that is not removed, or that is. */
typedef struct client {
    house *h;
    unsigned model, requests, wrong;
} client;

static void *ask(void *argument)
{
    client *c = argument;
    for (unsigned i = 0; i < c->requests; i++) {
        char text[16];
        snprintf(text, sizeof text, "%u %u", c->model, i % 100);
        outcome o;
        submit_one(c->h->s[c->model], text, &o);
        outcome_wait(&o);
        c->wrong += o.status != AKI_OK || o.first[0] != sum_of(text);
    }
    return NULL;
}

static void models_come_and_go_beside_one_that_is_busy(void **state)
{
    (void)state;
    static house h;
    open_house(&h, 3);
    client busy[2] = {{.h = &h, .requests = 2000}, {.h = &h, .requests = 2000}};
    pthread_t threads[2];
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask, &busy[i]), 0);
    for (unsigned round = 0; round < 100; round++) {
        enum { ASKED = 8 };
        outcome o[ASKED];
        for (unsigned i = 0; i < ASKED; i++)
            submit_one(h.s[1], "comes and goes", &o[i]);
        scheduler_stop(h.s[1], round % 2 == 0);
        for (unsigned i = 0; i < ASKED; i++) {
            assert_int_equal(o[i].calls, 1);
            assert_true(o[i].status == AKI_OK || (round % 2 == 0 && o[i].status == AKI_CANCELLED));
            outcome_wait(&o[i]);
        }
        scheduler_close(h.s[1]);
        open_model(&h, 1, 0);
    }
    for (size_t i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(busy[i].wrong, 0);
    }
    close_house(&h);
}

static void absence_is_told_whichever_model_it_is_for(void **state)
{
    (void)state;
    static house h;
    open_house(&h, 1);
    outcome o;
    fake_close_gate(&h.encs[0]);
    submit_one(h.s[0], "a", &o);
    fake_wait_entered(&h.encs[0], 1);
    while (scheduler_longest_absence_ms(h.s[1]) < 2)
        sched_yield();
    fake_open_gate(&h.encs[0]);
    outcome_wait(&o);
    close_house(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_query_does_not_wait_for_a_busy_model),
        cmocka_unit_test(bulk_passes_are_short_beside_queries_of_another_model),
        cmocka_unit_test(a_nearer_deadline_goes_first),
        cmocka_unit_test(what_expires_is_told_while_another_model_is_busy),
        cmocka_unit_test(a_model_that_fails_leaves_the_other_alone),
        cmocka_unit_test(buffers_are_opened_when_needed_and_closed_with_their_scheduler),
        cmocka_unit_test(models_come_and_go_beside_one_that_is_busy),
        cmocka_unit_test(absence_is_told_whichever_model_it_is_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
