/* The inside of a set of models, shared by model_set.c (names, acquiring, what is asked for), model_set_load.c (loading and
 * the budget) and model_set_threads.c (who does it, and when). */
#ifndef SERVING_MODEL_SET_INTERNAL_H
#define SERVING_MODEL_SET_INTERNAL_H

#include "base/clock.h"
#include "serving/model_set.h"

#include <pthread.h>

#define MODEL_SET_TARGET "models"
#define NEVER INT64_MAX

typedef struct model_entry model_entry;

/* A model that was opened. */
struct model_use {
    model_entry *owner;
    served_model *model;
    unsigned users;
    encoder_memory memory;
    bool retired;  /* it is closed once it has no users */
    bool closing;  /* by a thread; nobody else touches the model any more */
    bool left_out; /* of model_set_taken */
    model_use *next;
};

typedef enum load_state {
    LOAD_NONE,
    LOAD_QUEUED,
    LOAD_TAKEN /* by a thread */
} load_state;

/* A name for as long as the set lives. */
struct model_entry {
    char *name;
    size_t index;
    model_spec spec; /* empty while the model is not configured */
    bool configured;
    model_use *current; /* NULL = not loaded */
    size_t opened;      /* of this entry, `current` and retired ones */

    load_state load;
    uint64_t turn;   /* queued loads go by it */
    bool asked;      /* the load stays wanted without waiters: by an operator, or because the model is kept */
    bool again;      /* the spec changed while it was being loaded */
    size_t reserved; /* bytes of the load under way */
    size_t known_bytes; /* what it took when it was loaded last, or is expected to; 0 = not known */
    bool measured;      /* known_bytes is what it took */
    bool misjudged;     /* the load before took more than was reserved for it */
    unsigned failed;    /* loads in a row */
    int64_t retry_ns;   /* not before, without being asked by an operator */
    aki_error failure;  /* status AKI_OK = none */
    model_waiter *waiters;

    int64_t idle_until_ns;
    int64_t last_use_ns;
    int64_t load_ns;
    uint64_t requests, loads, failures, evictions, idle_unloads, waits;
};

struct model_set {
    model_set_settings settings;
    pthread_mutex_t lock;   /* of all below */
    pthread_cond_t changed; /* for the threads of the set */
    model_entry entries[MODEL_SPECS_MAX];
    size_t entries_count;
    size_t order[MODEL_SPECS_MAX]; /* [configured_count]: entries as they were configured */
    size_t configured_count;
    model_use *uses; /* all that are opened */
    uint64_t turns;
    bool stopping, started;
    pthread_t *threads; /* [threads_count] */
    size_t threads_count;
};

/* All functions below: with the lock held, which those let go for a time that say so. */

int64_t model_set_now(const model_set *set);
bool entry_is_kept(const model_set *set, const model_entry *e);
/* Puts the load into the queue, unless it is there. */
void entry_want(model_set *set, model_entry *e);
/* Takes the waiters off the entry; they are called by model_waiters_call, without the lock. */
model_waiter *entry_take_waiters(model_entry *e);
void model_waiters_call(model_waiter *list);

/* Of one model, shares included. */
size_t use_bytes(const model_use *use);
/* Bytes that count against the budget: of loads under way, and of all models but those that are marked as left out. */
size_t model_set_taken(const model_set *set);

/* The model is not given to anybody any more, and closed when nobody uses it. */
void entry_retire(model_set *set, model_entry *e);

/* Loads what is next in the queue and fits. False = nothing to load now. Lets the lock go. */
bool model_load_next(model_set *set);
/* Closes one model that nobody uses any more. False = there is none. Lets the lock go. */
bool model_close_next(model_set *set);
/* Does what is due: waiters whose time has passed, idle models, failed loads of kept ones. False = nothing was due;
 * *next_ns: when something will be. Lets the lock go. */
bool model_timers_run(model_set *set, int64_t *next_ns);

void model_set_stop_threads(model_set *set);

#endif
