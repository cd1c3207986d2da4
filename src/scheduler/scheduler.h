/* Work from many requests, computed in token-budget passes by the threads of a crew (engine/crew.h), for which a
 * scheduler is one source of passes. docs/SCHEDULING.md says what that means for users.
 *
 * Work-conserving: a free worker takes what is queued at once, up to the encoder's pass budget, or its share of what is
 * queued where other workers are idle. Texts of several requests share a pass and a large request is spread over passes
 * and workers; two classes and clients in turn decide who is next (queue.h). Equal texts are computed once, and those in
 * the cache not at all. The queue is bounded; what does not fit, or would wait for too long, is refused at once with
 * AKI_OVERLOADED. Expired or cancelled work is dropped before it costs a pass. */
#ifndef SCHEDULER_SCHEDULER_H
#define SCHEDULER_SCHEDULER_H

#include "akidb/embed.h"
#include "engine/encoder.h"
#include "engine/prefix_cache.h"
#include "resilience/breaker.h"
#include "scheduler/result_cache.h"
#include "scheduler/settings.h"
#include "scheduler/submission.h"

/* Names the threads of a crew for schedulers. */
#define SCHEDULER_THREAD_NAME "aki-scheduler"

/* The encoder must outlive the scheduler. Error: AKI_OUT_OF_MEMORY (also: no more threads to be had). */
AKI_MUST_CHECK aki_status scheduler_open(scheduler **out, const encoder *enc,
                                         const scheduler_settings *settings, aki_error *error);
/* Finishes or, with `abandon`, cancels what is queued: when it returns, every `done` has been called, no worker is inside
 * and the workers' buffers are closed. Later submissions are refused with AKI_CANCELLED. Once, from one thread, which is
 * not a worker's. */
void scheduler_stop(scheduler *s, bool abandon);
/* Stops as with `abandon` where that was not done, and frees. No other call may be under way. NULL allowed. */
void scheduler_close(scheduler *s);

/* Copies nothing: the submission and its texts must live until this returns. Validation and tokenizing happen on the
 * calling thread before it returns; their errors (AKI_INVALID_ARGUMENT, AKI_OUT_OF_MEMORY and, without on_error_item,
 * AKI_EMPTY_TEXT, AKI_INVALID_UTF8, AKI_TEXT_TOO_LONG, AKI_NO_TOKENS, each with the text's index), AKI_REQUEST_TOO_LONG, AKI_OVERLOADED,
 * AKI_CANCELLED (stopping) and AKI_DEADLINE_EXCEEDED (passed already) are returned here and `done` is then never called.
 * *out is set before `done` can run, and `done` may run before this returns. Later failures reach `done`:
 * AKI_DEADLINE_EXCEEDED, AKI_CANCELLED, AKI_MODEL_CHANGED and, without on_error_item, AKI_NOT_FINITE. */
AKI_MUST_CHECK aki_status scheduler_submit(scheduler *s, const scheduler_submission *submission,
                                           scheduler_request **out, aki_error *error);
/* Tells if the submission would be refused whatever its texts are, which are not looked at: AKI_OK, or the error that
 * scheduler_submit would give. For refusing before a body is received. */
AKI_MUST_CHECK aki_status scheduler_admits(scheduler *s, const scheduler_submission *submission,
                                           aki_error *error);
/* The client has gone: work not yet in a pass is dropped; `done` is still called (AKI_CANCELLED or the result). Not
 * after scheduler_request_free. */
void scheduler_cancel(scheduler_request *request);

/* Estimated time until all that is queued and in passes is done, from the measured tokens per second; for Retry-After.
 * 0 before anything was measured. */
int64_t scheduler_backlog_ms(scheduler *s);

/* crew_longest_absence_ms of the scheduler's crew. */
int64_t scheduler_longest_absence_ms(scheduler *s);

/* The best device there is: SCHEDULER_LEVEL_GPU or SCHEDULER_LEVEL_CPU. */
scheduler_level scheduler_primary(scheduler *s);

/* BREAKER_CLOSED, BREAKER_HALF_OPEN or BREAKER_OPEN: that of the best device's circuit breaker. A state that somebody forced
 * counts as what it does. */
breaker_state scheduler_breaker_state(scheduler *s);

typedef struct scheduler_device {
    const char *name;
    breaker_state state;
    int64_t wait_ms; /* until it may be called: 0 = now; INT64_MAX = not before a reset */
    breaker_counts counts;
    uint64_t wrong; /* vectors that a judge found wrong */
} scheduler_device;

/* False = there is no device of that level. */
bool scheduler_read_device(scheduler *s, scheduler_level level, scheduler_device *out);

/* Until any device may compute again, for Retry-After; 0 = now; INT64_MAX = not before a reset. */
int64_t scheduler_device_wait_ms(scheduler *s);

/* Closes the circuit breakers of all devices. From any thread, at any time. */
void scheduler_reset_breakers(scheduler *s);
/* Forces the circuit breaker of the best device into a state that stays until a reset or the next call:
 * BREAKER_FORCED_OPEN, BREAKER_DISABLED or BREAKER_METRICS_ONLY. False, with nothing changed, for BREAKER_HALF_OPEN,
 * and for BREAKER_FORCED_OPEN where no other device could be used instead. From any thread, at any time. */
bool scheduler_force_breaker(scheduler *s, breaker_state state);

typedef struct scheduler_class_stats {
    uint64_t requests, tokens; /* accepted so far; tokens that had to be computed */
    size_t waiting_requests, waiting_tokens;
    int64_t oldest_ns;      /* how long the oldest waiting request has been waiting; 0 = none waits */
    size_t in_flight;       /* requests queued or in passes */
    size_t in_flight_limit; /* 0 = none */
} scheduler_class_stats;

/* Counters since the scheduler was opened, and the state of the moment. */
typedef struct scheduler_stats {
    scheduler_class_stats interactive, bulk;
    uint64_t refused_full;  /* requests: a bound of the queue */
    uint64_t refused_wait;  /* requests: too long a wait ahead */
    uint64_t refused_limit; /* requests: the adaptive limit */
    uint64_t expired;       /* requests whose time passed, queued or begun */
    uint64_t cancelled;     /* requests dropped because the client or the service left */
    uint64_t uncomputed;    /* requests that needed no pass at all */
    uint64_t passes, computed_texts, computed_tokens;
    uint64_t equal_texts; /* that got the vector of an equal one in their request or pass */
    size_t running_tokens;
    size_t bytes;                /* of requests not yet done */
    size_t worker_bytes;         /* of the buffers that workers have opened for this scheduler's passes */
    double tokens_per_second;    /* of one worker, recently; 0 before the first pass */
    result_cache_stats cache;    /* all 0 without one */
    prefix_cache_stats prefixes; /* of the encoder */
    uint64_t fallbacks
        [SCHEDULER_LEVEL_COUNT]; /* requests that a level below the best device served; NONE: that no level could */
    uint64_t retries, retries_refused; /* of passes; refused: the budget was spent */
    uint64_t device_calls_given_up;
    unsigned device_calls_out; /* of these, those that have not come back */
} scheduler_stats;

void scheduler_read_stats(scheduler *s, scheduler_stats *stats);

#endif
