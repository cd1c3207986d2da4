/* A set with its own threads: requests from several threads, loads, evictions, replacements and lists at once. */
#include "fake_models.h"

#include <pthread.h>
#include <stdatomic.h>

#define ASKERS 4
#define ROUNDS 300

static const char *const names[] = {"a", "b", "c", "d"};
#define NAMES (sizeof names / sizeof names[0])

static atomic_uint opened, closed, wrong;

static aki_status find_any(void *cookie, const model_spec *spec, char **folder, model_guess *guess,
                           aki_error *error)
{
    (void)cookie, (void)error;
    *folder = mem_copy_string(spec->source);
    *guess = (model_guess){10 * MB, 10 * MB};
    return AKI_OK;
}

static aki_status open_any(void *cookie, const model_spec *spec, const char *folder, served_model **out,
                           encoder_memory *memory, aki_error *error)
{
    (void)cookie, (void)folder, (void)error;
    *out = calloc(1, sizeof **out);
    snprintf((*out)->source, sizeof(*out)->source, "%s", spec->source);
    *memory = (encoder_memory){.own_bytes = 10 * MB};
    atomic_fetch_add(&opened, 1);
    return AKI_OK;
}

static void close_any(void *cookie, served_model *model)
{
    (void)cookie;
    free(model); /* whoever still used it would read freed memory */
    atomic_fetch_add(&closed, 1);
}

static void stop_any(void *cookie, served_model *model)
{
    (void)cookie, (void)model;
}

typedef struct waiting {
    model_waiter waiter;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool told;
} waiting;

static void tell(model_waiter *self)
{
    waiting *w = (waiting *)self;
    pthread_mutex_lock(&w->lock);
    w->told = true;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

/* The model, where it was loaded meanwhile. */
static model_use *wait_for(model_set *set, const char *name)
{
    waiting w = {.waiter = {.deadline_ns = INT64_MAX, .done = tell},
                 .lock = PTHREAD_MUTEX_INITIALIZER,
                 .changed = PTHREAD_COND_INITIALIZER};
    if (!model_set_wait(set, name, &w.waiter))
        return NULL;
    pthread_mutex_lock(&w.lock);
    while (!w.told)
        pthread_cond_wait(&w.changed, &w.lock);
    pthread_mutex_unlock(&w.lock);
    return w.waiter.use;
}

static void *ask(void *argument)
{
    model_set *set = argument;
    unsigned seed = (unsigned)(uintptr_t)&seed;
    for (unsigned i = 0; i < ROUNDS;) {
        const char *name = names[rand_r(&seed) % NAMES];
        model_use *use;
        int64_t retry_ms;
        aki_error error;
        if (model_set_acquire(set, name, true, &use, &retry_ms, &error) != MODEL_ACQUIRED)
            use = wait_for(set, name);
        if (use == NULL)
            continue;
        if (model_use_model(use)->source[0] != name[0])
            atomic_fetch_add(&wrong, 1);
        model_use_count(set, use);
        model_release(set, use, rand_r(&seed) % 8 == 0 ? 0 : MODEL_KEEP_UNCHANGED);
        i++;
    }
    return NULL;
}

static void every_request_gets_its_model_whatever_goes_on(void **state)
{
    (void)state;
    const model_set_settings settings = {
        .driver = {find_any, open_any, close_any, NULL, stop_any, NULL}, .budget_bytes = 25 * MB, .loads = 2};
    model_set *set;
    aki_error error;
    pthread_t askers[ASKERS];
    assert_int_equal(model_set_open(&set, &settings, &error), AKI_OK);
    CONFIGURE(set, "a", "b", "c", "d");
    assert_int_equal(model_set_start(set, &error), AKI_OK);
    for (unsigned i = 0; i < ASKERS; i++)
        assert_int_equal(pthread_create(&askers[i], NULL, ask, set), 0);
    for (unsigned i = 0; i < 100; i++) {
        model_spec specs[NAMES] = {0};
        for (size_t n = 0; n < NAMES; n++)
            specs[n] = (model_spec){
                .name = names[n], .source = names[n], .stamp = i % 2 ? "x" : "y", .keep_alive_ms = 50};
        assert_int_equal(model_set_configure(set, specs, NAMES, &error), AKI_OK);
        assert_int_equal(model_set_reload(set, names[i % NAMES], &error), AKI_OK);
        assert_true(model_set_bytes(set) <= 25 * MB);
        sched_yield();
    }
    for (unsigned i = 0; i < ASKERS; i++)
        pthread_join(askers[i], NULL);
    model_set_close(set);
    assert_int_equal(atomic_load(&wrong), 0);
    assert_int_equal(atomic_load(&opened), atomic_load(&closed));
    assert_true(atomic_load(&opened) > 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_gets_its_model_whatever_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
