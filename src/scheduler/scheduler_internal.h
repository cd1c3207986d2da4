/* The scheduler's inside, shared by scheduler.c (open, submit, stop), worker.c (the rounds) and scheduler_stats.c (what can be asked).
 * One lock guards everything that changes; tokenizing, passes and `done` run outside it. */
#ifndef SCHEDULER_SCHEDULER_INTERNAL_H
#define SCHEDULER_SCHEDULER_INTERNAL_H

#include "engine/help_desk.h"
#include "scheduler/admission.h"
#include "scheduler/pass_runner.h"

#include <pthread.h>

typedef struct worker {
    scheduler *owner;
    encoder_state *state;
    device_lane *lane; /* to the device beyond the CPU; NULL until it is needed */
    pass work;
    int64_t
        away_since_ns; /* computing a pass, helping or delivering without the lock; 0 = not; under the lock */
    pthread_t thread;
    bool started;
} worker;

struct scheduler {
    const encoder *enc;
    log_sink log;
    scratch_pool scratches;
    request_context context;
    result_cache *cache; /* NULL = none */
    device_chain chain;
    unsigned workers_count;
    worker *workers; /* [workers_count] */
    void (*on_pass)(void *cookie, const scheduler_pass *done);
    void *on_pass_cookie;

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t work;  /* something was queued or finished, or the workers are to stop */
    pthread_cond_t halt;  /* `stopping` was set */
    queue q;
    bool
        fills_passes; /* a pass takes all it can, whoever waits: encoder_fills_passes. Not changed any more */
    unsigned idle;    /* workers that wait */
    help_desk desk;
    size_t running_tokens;
    admission gate;
    scheduler_stats counters; /* of what queue and gate do not count */
    bool stopping, stopped;
};

/* Starts the worker's thread. What it got is freed by worker_close, also after a failure. Error: AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status worker_open(scheduler *s, worker *w, aki_error *error);
/* Its thread has ended, or never began. */
void worker_close(worker *w);

/* Something was queued or finished: `shares` workers are to look, whether they wait or help. Lock held. */
void workers_call(scheduler *s, size_t shares);

#endif
