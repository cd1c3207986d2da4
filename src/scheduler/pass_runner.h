/* One pass through the chain of devices: GPU, CPU, cached results.
 *
 * Each device is called only as its circuit breaker allows. Where a device below can compute, a failure falls to it at
 * once: its answer comes sooner than any second attempt could, and what failed is left alone. Only the last device of the
 * chain is tried again, after a backoff, for failures that may pass by themselves, and never past the earliest deadline of
 * the pass's requests. What no device could compute is looked for among the results kept by exact text. */
#ifndef SCHEDULER_PASS_RUNNER_H
#define SCHEDULER_PASS_RUNNER_H

#include "scheduler/device_chain.h"
#include "scheduler/pass.h"

typedef struct pass_runner {
    device_chain *chain;
    result_cache *cache; /* NULL = none */
    device_lane **lane;  /* the worker's */
    /* Computes the pass on the CPU, as encoder_run. */
    aki_status (*compute)(void *cookie, aki_error *error);
    /* Waits; false = the time of waiting is over for good, because the scheduler stops. */
    bool (*pause)(void *cookie, int64_t until_ns);
    void *cookie;
} pass_runner;

/* AKI_OK: every sequence has its vector, or its own failure, and p->level says who computed. Otherwise the error is that of
 * all sequences whose status is not AKI_OK: the others were found in the cache. Fills p->level, p->attempts and p->times. */
AKI_MUST_CHECK aki_status pass_runner_run(const pass_runner *runner, pass *p, aki_error *error);

#endif
