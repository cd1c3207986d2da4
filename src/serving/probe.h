/* Health probe: a small inference through the scheduler, repeated, whose vector is compared with the expected one of
 * the device that computed it. It shows if the vectors that requests get now are right.
 *
 * A probe is scheduled like a request, but never refused because of load, not answered from the cache and not
 * counted. It judges the first device of the chain that may be used (scheduler_judge_fn). A wrong vector is never
 * returned: the probe falls to the next device, like the requests of that pass, and is judged there. Where there is a
 * GPU, the CPU's own vector is computed beforehand, so that a GPU that is wrong from the start is found, too.
 *
 * While a probe waits, the outcome of the one before stands, so that load alone makes no instance unready. Only a
 * failed inference or a wrong vector does, until a later one is right. A worker that never returns is found by the
 * watchdog. */
#ifndef SERVING_PROBE_H
#define SERVING_PROBE_H

#include "base/log.h"
#include "scheduler/scheduler.h"

typedef struct probe probe;

typedef enum probe_outcome { PROBE_UNKNOWN, PROBE_RIGHT, PROBE_WRONG } probe_outcome;

typedef struct probe_counts {
    uint64_t right, wrong;
} probe_counts;

/* Error: AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status probe_open(probe **out, log_sink log, aki_error *error);
/* No probe may be under way: the scheduler was stopped. NULL allowed. */
void probe_close(probe *p);

/* Computes the expected vector, with which later ones are compared, and waits for it. Call it once. On success
 * vector, encoder_dimension floats, is what a request gets; it belongs to the probe. enc: the scheduler's; precision:
 * the CPU's. Errors as scheduler_submit and its result, and AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status probe_first(probe *p, scheduler *work, const encoder *enc, aki_precision precision,
                                      const float **vector, aki_error *error);

/* Begins another one unless one is under way. From one thread, after probe_first. */
void probe_begin(probe *p, scheduler *work);

/* Of the last one that ended; any thread. */
probe_outcome probe_last(const probe *p);
probe_counts probe_count(const probe *p);

/* Real inferences before the first request. The first loads the weights and the workers' memory into RAM, which is
 * slow. The second, with passes long enough for it, measures the speed with which estimates begin. */

/* Computes one text per worker, then about a third of a pass of pass_tokens per worker, and waits for both. Errors as
 * scheduler_submit and its result. */
AKI_MUST_CHECK aki_status warm_up(scheduler *s, unsigned workers, size_t pass_tokens, aki_error *error);

#endif
