/* The devices that a pass may be computed by, best first, each with its circuit breaker, and what is spent on trying again.
 * docs/RESILIENCE.md says what it means for operators. Thread-safe without a lock, init apart. */
#ifndef SCHEDULER_DEVICE_CHAIN_H
#define SCHEDULER_DEVICE_CHAIN_H

#include "base/log.h"
#include "engine/device_lane.h"
#include "scheduler/settings.h"

/* Levels that compute: SCHEDULER_LEVEL_GPU and SCHEDULER_LEVEL_CPU. */
#define DEVICE_CHAIN_LEVELS 2

typedef struct chain_link {
    breaker guard;
    bool present;
    const char *name;
    atomic_int seen;            /* the breaker's state as last logged */
    atomic_uint_fast64_t wrong; /* vectors that a judge found wrong */
    /* Set by a wrong vector; cleared when a pass with a judge closes the breaker, or by a reset. While it is set and
     * the breaker is open or half open, only passes with a judge may use the device. */
    atomic_bool distrusted;
} chain_link;

typedef struct device_chain {
    chain_link links[DEVICE_CHAIN_LEVELS];
    device_lane_settings lane; /* of the GPU */
    int64_t device_timeout_ns;
    retry_settings retry;
    retry_budget budget;
    jitter noise;
    atomic_uint_fast64_t retries, retries_refused, given_up;
    log_sink log;
} device_chain;

/* settings NULL = defaults. */
void device_chain_init(device_chain *chain, const encoder *enc, const scheduler_resilience *settings,
                       const log_sink *log, int64_t now_ns);

/* NULL where the chain has no such device. */
chain_link *device_chain_link(device_chain *chain, scheduler_level level);
/* The best level there is. */
scheduler_level device_chain_primary(device_chain *chain);
/* True where no device stands below. */
bool device_chain_is_last(device_chain *chain, scheduler_level level);

/* As breaker_admit and breaker_record, with a line in the log when the state has changed. judged: the pass has a judge. */
bool device_chain_admit(device_chain *chain, chain_link *link, bool judged, breaker_ticket *ticket);
void device_chain_record(device_chain *chain, chain_link *link, breaker_ticket ticket,
                         breaker_outcome outcome);
/* Called instead of device_chain_record for a pass with a judge. Right: counts as a success; when that closes the
 * breaker, the device is trusted again. Wrong: opens the breaker, unless an operator has forced its state, and
 * distrusts the device. Passes under way on it see by link->wrong that their vectors must not be used. */
void device_chain_judge(device_chain *chain, scheduler_level level, breaker_ticket ticket, bool right);

/* Until any of the devices may be called: 0 = now; INT64_MAX = not before a reset. */
int64_t device_chain_wait_ns(device_chain *chain);
void device_chain_reset(device_chain *chain);
/* breaker_force on the best device. False, with nothing changed, also for BREAKER_FORCED_OPEN where no other device
 * could be used instead. */
bool device_chain_force(device_chain *chain, breaker_state state);

#endif
