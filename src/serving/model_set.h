/* The models of the service by name: which are loaded, who uses them, and what is unloaded to make room.
 *
 *     known --asked for--> loading --> ready --idle, or room is needed--> draining --> known
 *                             |
 *                             +--> failed --asked for, after a pause that doubles--> loading
 *
 * A request acquires its model and releases it when it is through; a model that is acquired is not unloaded. Loading,
 * unloading, and what waits for a time are done by threads of the set's own: `loads` of them open models, one does the rest.
 * One lock guards the set and is never held while a model is opened or closed.
 *
 * The budget counts what each model takes once it is loaded, and what one that is being loaded probably takes. Weights that
 * several loaded models share count once. Where the budget is exceeded, the models that were used least recently are unloaded,
 * never one that is acquired, pinned, or the default.
 *
 * A replacement (reload) is opened beside the model that serves, and takes its place in one step. Where the budget has no room
 * for both, the old one goes first, and requests wait.
 *
 * The models themselves are opaque here: a driver opens and closes them. All functions are for any thread. */
#ifndef SERVING_MODEL_SET_H
#define SERVING_MODEL_SET_H

#include "base/log.h"
#include "engine/encoder.h"
#include "serving/model_spec.h"

typedef struct model_set model_set;
typedef struct served_model served_model;
typedef struct model_use model_use; /* a model while somebody uses it */

typedef enum model_phase {
    MODEL_KNOWN,   /* configured, not loaded */
    MODEL_LOADING, /* waits for its turn, or is being loaded */
    MODEL_READY,
    MODEL_DRAINING, /* unloaded as soon as the requests in flight are through */
    MODEL_FAILED,
    MODEL_PHASES
} model_phase;

/* "known", "loading", "ready", "draining", "failed". */
const char *model_phase_name(model_phase phase);

typedef struct model_driver {
    /* Finds the files (folder: to be freed with mem_free) and tells about how much memory the model will take. On a thread of
     * the set's, without its lock, as are the two below. */
    aki_status (*find)(void *cookie, const model_spec *spec, char **folder, model_guess *guess,
                       aki_error *error);
    /* Opens, warms up and checks the model. *memory: what it takes. */
    aki_status (*open)(void *cookie, const model_spec *spec, const char *folder, served_model **out,
                       encoder_memory *memory, aki_error *error);
    void (*close)(void *cookie, served_model *model);
    /* The model leaves the set, and will be closed: its counts are to be kept. With the set's lock held. NULL allowed. */
    void (*retire)(void *cookie, served_model *model);
    /* Its work in flight is to end early. With the set's lock held. */
    void (*stop)(void *cookie, served_model *model);
    void *cookie;
} model_driver;

typedef struct model_set_settings {
    model_driver driver;
    size_t budget_bytes;             /* 0 = none */
    unsigned loads;                  /* at once; 0: no threads, and the caller calls model_set_turn */
    int64_t (*now_ns)(void *cookie); /* NULL = clock_monotonic_ns */
    void *now_cookie;
    log_sink log;
} model_set_settings;

/* Error: AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status model_set_open(model_set **out, const model_set_settings *settings,
                                         aki_error *error);
/* Loads nothing more, and has the work of all models end early. Waiters are called. When it returns, no thread of the set
 * runs. Once. */
void model_set_stop(model_set *set);
/* Stops where that was not done, closes all models. Nothing may be acquired. NULL allowed. */
void model_set_close(model_set *set);

/* Takes the list in the place of the one before; the first is the default. Models that are new and pinned are loaded, changed
 * ones replaced, removed ones unloaded when they are free. Nothing has changed after an error: AKI_INVALID_ARGUMENT (as
 * model_specs_check; more than MODEL_SPECS_MAX names so far), AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status model_set_configure(model_set *set, const model_spec *specs, size_t count,
                                              aki_error *error);
/* Starts the threads. Error: AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status model_set_start(model_set *set, aki_error *error);
/* The default, opened by the caller; the set closes it. Instead of a load of its own: before model_set_start, or without it. */
AKI_MUST_CHECK aki_status model_set_attach(model_set *set, served_model *model, const encoder_memory *memory,
                                           aki_error *error);

typedef enum model_answer {
    MODEL_ACQUIRED,
    MODEL_UNKNOWN,
    MODEL_NOT_LOADED, /* model_set_wait tells when it is worth asking again */
    MODEL_REFUSED,    /* it could not be loaded: the error says why, *retry_ms when it will be tried again */
} model_answer;

/* name: one of the model's names, or the part of its name behind the last '/' where no other model has that; NULL = the default.
 * loads: has the model loaded. After MODEL_ACQUIRED always model_release. error may be NULL. */
model_answer model_set_acquire(model_set *set, const char *name, bool loads, model_use **out,
                               int64_t *retry_ms, aki_error *error);
/* keep_alive_ms: how long the model is to stay from now on, this once: MODEL_KEEP_UNCHANGED, MODEL_KEEP_FOREVER, or 0 = it is
 * unloaded. */
void model_release(model_set *set, model_use *use, int64_t keep_alive_ms);
served_model *model_use_model(const model_use *use);
const char *model_use_name(const model_use *use); /* lives as long as the set */
size_t model_use_index(const model_use *use);     /* of its name, below MODEL_SPECS_MAX; never another's */
/* A request for vectors goes to the model: for its count. */
void model_use_count(model_set *set, model_use *use);
/* The name of the model that a request would get, as it was configured; NULL = there is none. Lives as long as the set. */
const char *model_set_name(model_set *set, const char *name);

/* Called once when the model is ready, has failed, or the deadline has passed: from a thread of the set's, without its lock.
 * use: by then the model that was loaded, acquired for the waiter, who calls model_release; else NULL. It keeps the model from being unloaded
 * for another one before the waiter has used it: two models that both are waited for would otherwise make room for each other for ever. */
typedef struct model_waiter {
    int64_t deadline_ns;
    void (*done)(struct model_waiter *self);
    model_use *use;
    struct model_waiter *next;
} model_waiter;
/* False, and no call: the state has changed since it was asked for, or there is no such model. */
bool model_set_wait(model_set *set, const char *name, model_waiter *waiter);

/* Requests of operators. unload: once it is free, also a pinned one. Errors: AKI_MODEL_NOT_FOUND (no such name),
 * AKI_INVALID_ARGUMENT (the set has no threads to do it). */
AKI_MUST_CHECK aki_status model_set_load(model_set *set, const char *name, aki_error *error);
AKI_MUST_CHECK aki_status model_set_unload(model_set *set, const char *name, aki_error *error);
AKI_MUST_CHECK aki_status model_set_reload(model_set *set, const char *name, aki_error *error);

typedef struct model_view {
    const char *name,
        *source; /* live as long as `spec` of the set does: until the next model_set_configure */
    const model_spec *spec;
    model_phase phase;
    bool kept; /* pinned, or the default */
    size_t index, bytes;
    size_t in_use; /* acquired now */
    uint64_t requests, loads, failures, evictions, idle_unloads, waits;
    int64_t last_use_ns;   /* 0 = never */
    int64_t idle_until_ns; /* INT64_MAX = stays */
    int64_t load_ns;       /* that all loads took */
    int64_t retry_ns;      /* after a failure; 0 = none */
    const char *failure;   /* of the last load, NULL = none */
    served_model *model;   /* NULL = not loaded */
} model_view;

/* Calls `see` for each configured model in their order, with the set's lock held: to return soon, and not to call the set. */
void model_set_look(model_set *set, void (*see)(void *cookie, const model_view *view), void *cookie);
/* Likewise for each model that is loaded, those included that are being drained. */
void model_set_each(model_set *set, void (*see)(void *cookie, served_model *model), void *cookie);
/* As model_set_each, with `begin` called before, under the same hold of the lock: no model retires between them. */
void model_set_sum(model_set *set, void (*begin)(void *cookie),
                   void (*see)(void *cookie, served_model *model), void *cookie);
/* Likewise for the default alone; nothing is called where it is not loaded. */
void model_set_default(model_set *set, void (*see)(void *cookie, served_model *model), void *cookie);

/* Lives as long as the set. */
const char *model_set_default_name(model_set *set);
size_t model_set_count(model_set *set); /* configured */
/* Bytes that count against the budget now. */
size_t model_set_bytes(model_set *set);
/* False while the default or a pinned model has neither been loaded nor failed. */
bool model_set_settled(model_set *set);

/* One turn of a thread of the set: does one piece of work and returns true; false where there was nothing to do.
 * For sets without threads. */
bool model_set_turn(model_set *set);

#endif
