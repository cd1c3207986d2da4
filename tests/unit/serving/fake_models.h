/* Models that are no models, and a driver that opens them at once, for tests of a set without threads: the test sets the time and
 * calls model_set_turn. Models, and the folders that are found, are counted: a test ends with none left. */
#ifndef FAKE_MODELS_H
#define FAKE_MODELS_H

#include "unit.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "serving/model_set.h"

#define MB ((size_t)1000000)

struct served_model {
    char source[64];
    bool stopped;
};

static struct {
    int64_t now_ns;
    unsigned open, opened, closed, retired; /* models */
    size_t bytes;                           /* that the next ones take */
    size_t shared_bytes;                    /* of these, what all with the same first letter share */
    size_t expected;                        /* that is told before they are opened; 0 = bytes */
    size_t least;                           /* that is told likewise; 0 = expected */
    const char *failing;                    /* source that cannot be opened */
    const char *missing;                    /* source that is not found */
    model_set *during;                      /* while a model is opened, `act` is called with it */
    void (*act)(model_set *set);
} fake;

static inline int64_t fake_now(void *cookie)
{
    (void)cookie;
    return fake.now_ns;
}

static inline aki_status fake_find(void *cookie, const model_spec *spec, char **folder, model_guess *guess,
                                   aki_error *error)
{
    (void)cookie;
    if (fake.missing != NULL && strcmp(spec->source, fake.missing) == 0)
        return error_set(error, AKI_MODEL_NOT_FOUND, "there is no %s", spec->source);
    *folder = mem_copy_string(spec->source);
    const size_t most = fake.expected > 0 ? fake.expected : fake.bytes;
    *guess = (model_guess){fake.least > 0 ? fake.least : most, most};
    return AKI_OK;
}

static inline aki_status fake_open(void *cookie, const model_spec *spec, const char *folder,
                                   served_model **out, encoder_memory *memory, aki_error *error)
{
    static const char letters[256];
    (void)cookie;
    assert_string_equal(folder, spec->source);
    if (fake.act != NULL)
        fake.act(fake.during);
    if (fake.failing != NULL && strcmp(spec->source, fake.failing) == 0)
        return error_set(error, AKI_MODEL_INVALID, "%s is damaged", spec->source);
    *out = calloc(1, sizeof **out);
    assert_non_null(*out);
    snprintf((*out)->source, sizeof(*out)->source, "%s", spec->source);
    *memory = (encoder_memory){.own_bytes = fake.bytes - fake.shared_bytes};
    if (fake.shared_bytes > 0)
        memory->shares[1] = (encoder_share){letters + (unsigned char)spec->source[0], fake.shared_bytes};
    fake.open++;
    fake.opened++;
    return AKI_OK;
}

static inline void fake_close(void *cookie, served_model *model)
{
    (void)cookie;
    free(model);
    fake.open--;
    fake.closed++;
}

static inline void fake_retire(void *cookie, served_model *model)
{
    (void)cookie, (void)model;
    fake.retired++;
}

static inline void fake_stop(void *cookie, served_model *model)
{
    (void)cookie;
    model->stopped = true;
}

static inline model_set *fake_set(size_t budget_bytes, unsigned loads)
{
    const model_set_settings settings = {
        .driver = {fake_find, fake_open, fake_close, fake_retire, fake_stop, NULL},
        .budget_bytes = budget_bytes,
        .loads = loads,
        .now_ns = loads > 0 ? NULL : fake_now};
    model_set *set;
    aki_error error;
    assert_int_equal(model_set_open(&set, &settings, &error), AKI_OK);
    return set;
}

/* Each name is its source as well. "+name": pinned. */
static inline aki_status fake_configure(model_set *set, const char *const *names, size_t count,
                                        int64_t keep_alive_ms, aki_error *error)
{
    model_spec specs[16] = {0};
    assert_true(count <= 16);
    for (size_t i = 0; i < count; i++) {
        const bool pinned = names[i][0] == '+';
        specs[i].name = specs[i].source = names[i] + pinned;
        specs[i].pinned = pinned;
        specs[i].keep_alive_ms = keep_alive_ms;
    }
    return model_set_configure(set, specs, count, error);
}

#define CONFIGURE(set, ...)                                                                                  \
    do {                                                                                                     \
        static const char *const names_[] = {__VA_ARGS__};                                                   \
        aki_error error_;                                                                                    \
        assert_int_equal(                                                                                    \
            fake_configure(set, names_, sizeof names_ / sizeof names_[0], MODEL_KEEP_FOREVER, &error_),      \
            AKI_OK);                                                                                         \
    } while (0)

/* Until there is nothing to do at this time. */
static inline void run(model_set *set)
{
    for (unsigned turns = 0; model_set_turn(set); turns++)
        assert_true(turns < 10000);
}

static inline model_use *acquire(model_set *set, const char *name)
{
    model_use *use;
    int64_t retry_ms;
    aki_error error;
    assert_int_equal(model_set_acquire(set, name, true, &use, &retry_ms, &error), MODEL_ACQUIRED);
    return use;
}

/* Loads it where it is not loaded, and releases it at once. */
static inline void touch(model_set *set, const char *name)
{
    model_use *use;
    int64_t retry_ms;
    aki_error error;
    if (model_set_acquire(set, name, true, &use, &retry_ms, &error) != MODEL_ACQUIRED) {
        run(set);
        use = acquire(set, name);
    }
    model_release(set, use, MODEL_KEEP_UNCHANGED);
    fake.now_ns += NS_PER_MS;
}

typedef struct found_view {
    const char *name;
    model_view view;
    bool found;
} found_view;

static inline void keep_view(void *cookie, const model_view *view)
{
    found_view *wanted = cookie;
    if (strcmp(view->name, wanted->name) != 0)
        return;
    wanted->view = *view;
    wanted->found = true;
}

static inline model_view view_of(model_set *set, const char *name)
{
    found_view wanted = {.name = name};
    model_set_look(set, keep_view, &wanted);
    assert_true(wanted.found);
    return wanted.view;
}

static inline int fake_reset(void **state)
{
    (void)state;
    memset(&fake, 0, sizeof fake);
    fake.now_ns = NS_PER_S;
    fake.bytes = 10 * MB;
    return 0;
}

static inline int fake_all_closed(void **state)
{
    (void)state;
    return fake.open == 0 ? 0 : -1;
}

#endif
