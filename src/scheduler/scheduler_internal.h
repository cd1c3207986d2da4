/* The scheduler's inside, shared by scheduler.c (open, submit, stop), source.c (passes) and scheduler_stats.c (what can
 * be asked). The crew's lock guards everything that changes; tokenizing, passes and `done` run outside it. */
#ifndef SCHEDULER_SCHEDULER_INTERNAL_H
#define SCHEDULER_SCHEDULER_INTERNAL_H

#include "engine/crew.h"
#include "scheduler/admission.h"
#include "scheduler/pass.h"
#include "scheduler/scheduler.h"

#include <pthread.h>

struct scheduler {
    const encoder *enc;
    log_sink log;
    scratch_pool scratches;
    request_context context;
    result_cache *cache; /* NULL = none */
    device_chain chain;
    crew *workers;
    bool owns_workers;   /* no other source has them */
    crew_source *source; /* NULL once it has stopped */
    void (*on_pass)(void *cookie, const scheduler_pass *done);
    void *on_pass_cookie;

    pthread_mutex_t *lock; /* the crew's; of all below */
    pthread_cond_t halt;   /* `stopping` was set */
    queue q;
    /* a pass takes all it can, whoever waits: encoder_fills_passes. Not changed any more */
    bool fills_passes;
    size_t running_tokens;
    admission gate;
    scheduler_stats counters; /* of what queue and gate do not count */
    bool stopping;
};

/* Registers the scheduler with its crew, from when on passes begin. Error: AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status source_add(scheduler *s, aki_error *error);

#endif
