/* How a scheduler is set up: its threads and bounds, the devices that answer, and what is done when one of them fails. */
#ifndef SCHEDULER_SETTINGS_H
#define SCHEDULER_SETTINGS_H

#include "base/log.h"
#include "engine/encoder.h"
#include "resilience/breaker.h"
#include "resilience/retry.h"

struct crew; /* engine/crew.h */

/* Who answers, best first. A request is said to be served by the lowest level that any of its texts needed. */
typedef enum scheduler_level {
    SCHEDULER_LEVEL_NONE, /* nobody */
    SCHEDULER_LEVEL_GPU,
    SCHEDULER_LEVEL_CPU,
    SCHEDULER_LEVEL_CACHE, /* earlier results of the same texts */
    SCHEDULER_LEVEL_COUNT
} scheduler_level;

/* "gpu", "cpu", "cache"; "none". Static storage. */
const char *scheduler_level_name(scheduler_level level);

/* Circuit breakers, retries and fallbacks for devices that fail: docs/RESILIENCE.md. */
typedef struct scheduler_resilience {
    breaker_settings breaker; /* one for each device */
    retry_settings retry;
    retry_budget_settings retry_budget;
    int64_t device_timeout_ms; /* of a pass on a device beyond the CPU, which is then given up */
    bool cpu_fallback;         /* the CPU computes what such a device cannot */
    /* for results that are looked at only when nothing can compute; there is such a cache where there are such a device and no cache_bytes */
    size_t fallback_cache_bytes;
} scheduler_resilience;

void scheduler_resilience_init(scheduler_resilience *settings);

/* One pass through the model that has ended well. */
typedef struct scheduler_pass {
    size_t texts, tokens, budget_tokens;
    int64_t duration_ns;
    scheduler_level level;
    device_times times; /* of the GPU */
} scheduler_pass;

typedef struct scheduler_settings {
    /* The threads that compute, which several schedulers share; it outlives the scheduler. NULL = `workers` (>= 1) of
     * the scheduler's own. */
    struct crew *crew;
    unsigned workers;
    size_t max_queue_requests;    /* waiting, not yet begun */
    size_t max_queue_tokens;      /* waiting, not yet in a pass */
    size_t max_queue_bytes;       /* of token ids and vectors, of all requests not yet done */
    int64_t max_queue_wait_ms;    /* interactive work that would wait for longer is refused; 0 = no limit */
    int64_t request_timeout_ms;   /* that a request has from its first pass on, at least */
    int64_t max_request_time_ms;  /* likewise, at most; 0 = no limit */
    int64_t inference_timeout_ms; /* of one pass; 0 = none */
    int64_t batch_window_ms;      /* how long a pass that is not full waits for more work; 0 = not at all */
    size_t cache_bytes;           /* for results by exact text; 0 = no cache */
    const scheduler_resilience *resilience; /* copied; NULL = defaults */
    bool adaptive_limit; /* limit the requests in flight by their latency (gradient_limit.h) */
    /* Called after each pass from its worker's thread, to return soon; NULL = nobody. */
    void (*on_pass)(void *cookie, const scheduler_pass *done);
    void *on_pass_cookie;
    log_sink log;
} scheduler_settings;

#endif
