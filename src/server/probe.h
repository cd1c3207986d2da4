/* A small real inference through the scheduler, again and again, whose vector is compared with the known one of the device that
 * computed it: whether what requests get now is still right.
 *
 * A probe goes the way of a request but is never refused because of load, not answered from the cache and not counted. It judges
 * the first device of the chain that may be called (scheduler_judge_fn): a wrong vector there is never served, the probe's
 * included, which falls to the next device, and is judged there. Where there is a device beyond the CPU, the CPU's own vector
 * is computed beforehand, so that a device that is wrong from the start is found, too.
 *
 * A probe may have to wait: while it does, the former outcome stands, so that load alone makes no instance unready. Only an
 * inference that fails or a wrong vector does, until a later one is right. A worker that never comes back is the watchdog's to
 * find. */
#ifndef SERVER_PROBE_H
#define SERVER_PROBE_H

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

/* Computes the vector that all later ones are held against, and waits for it. On success vector, encoder_dimension floats, is what
 * a request gets; it belongs to the probe. enc: the scheduler's; precision: the CPU's. Once. Errors as scheduler_submit and its
 * result, and AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status probe_first(probe *p, scheduler *work, const encoder *enc, aki_precision precision,
                                      const float **vector, aki_error *error);

/* Begins another one unless one is under way. From one thread, after probe_first. */
void probe_begin(probe *p, scheduler *work);

/* Of the last one that ended; any thread. */
probe_outcome probe_last(const probe *p);
probe_counts probe_count(const probe *p);

#endif
