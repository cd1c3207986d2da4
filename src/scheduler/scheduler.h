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
#include "base/log.h"
#include "engine/encoder.h"
#include "resilience/breaker.h"
#include "resilience/retry.h"
#include "engine/prefix_cache.h"
#include "scheduler/result_cache.h"

/* Names the threads of a crew for schedulers. */
#define SCHEDULER_THREAD_NAME "aki-scheduler"

struct crew; /* engine/crew.h */
typedef struct scheduler scheduler;
typedef struct scheduler_request scheduler_request;

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

/* One pass through the model that has ended well. */
typedef struct scheduler_pass {
    size_t texts, tokens, budget_tokens;
    int64_t duration_ns;
    scheduler_level level;
    device_times times; /* of the GPU */
} scheduler_pass;

/* Circuit breakers, retries and fallbacks for devices that fail: docs/RESILIENCE.md. */
typedef struct scheduler_resilience {
    breaker_settings breaker; /* one for each device */
    retry_settings retry;
    retry_budget_settings retry_budget;
    int64_t device_timeout_ms; /* of a pass on a device beyond the CPU, which is then given up */
    bool cpu_fallback;         /* the CPU computes what such a device cannot */
    size_t
        fallback_cache_bytes; /* for results that are looked at only when nothing can compute; there is such a cache where
                                    there are such a device and no cache_bytes */
} scheduler_resilience;

void scheduler_resilience_init(scheduler_resilience *settings);

/* When the steps of a pass ended, each beginning where the one before it ended; by clock_monotonic_ns. */
typedef struct scheduler_pass_times {
    int64_t begun_ns;    /* it was made up, and began */
    int64_t gathered_ns; /* token ids were where the model reads them */
    encoder_steps steps; /* all 0 where the device does not tell */
    int64_t ended_ns;    /* the last step that the device does */
    int64_t handed_ns;   /* vectors were where their requests read them */
    size_t texts, tokens;
    scheduler_level level; /* that computed it, or found it among cached results */
} scheduler_pass_times;

/* Times of a request for its trace, by clock_monotonic_ns; 0 = the request did not get so far. Only submitted_ns and
 * begun_ns are there for a request that is not traced. */
typedef struct scheduler_times {
    int64_t submitted_ns;      /* it was tokenized and went into the queue */
    int64_t begun_ns;          /* its first pass was being made up */
    int64_t first_pass_ns;     /* that pass began */
    unsigned passes;           /* that computed any of its texts */
    scheduler_pass_times last; /* of the one that ended last */
} scheduler_times;

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

#define SCHEDULER_CLASSES 2
typedef enum scheduler_priority {
    SCHEDULER_PRIORITY_AUTO, /* by size: interactive where any single text would be, else bulk */
    SCHEDULER_PRIORITY_INTERACTIVE,
    SCHEDULER_PRIORITY_BULK,
} scheduler_priority;

/* Why one text of a request has no vector. */
typedef struct scheduler_item_error {
    size_t index; /* of the text */
    aki_status status;
    char message[256];
} scheduler_item_error;

typedef struct scheduler_result {
    aki_status status; /* AKI_OK, or why the whole request failed */
    aki_error error;
    const float *vectors;      /* [count][encoder_numbers]; of a text in item_errors: zeros */
    const aki_text_info *info; /* [count]; likewise */
    size_t count;
    const scheduler_item_error
        *item_errors; /* [item_errors_count], by rising index; none unless on_error_item */
    size_t item_errors_count;
    int64_t tokenize_ns;  /* on the submitting thread */
    int64_t queue_ns;     /* from there to the first pass */
    int64_t inference_ns; /* from the first pass's begin to the last one's end */
    scheduler_level served_by;
    unsigned device_attempts;  /* calls of devices by its passes, failed ones included */
    device_times device_times; /* of its passes on the GPU */
    scheduler_times times;
} scheduler_result;

/* Called exactly once per submitted request, from a worker's thread or, where nothing had to be computed, from within
 * scheduler_submit; to return soon and without blocking. The result lives until scheduler_request_free. */
typedef void (*scheduler_done_fn)(void *cookie, scheduler_request *request, const scheduler_result *result);

/* Returns true when a vector that a device of that level computed is right. Called by a worker's thread before the
 * vector is used; must return soon. */
typedef bool (*scheduler_judge_fn)(void *cookie, scheduler_level level, const float *vector);

/* The token ids of a text, special tokens included: 1 to encoder_max_tokens, each below the vocabulary's size. */
typedef struct scheduler_ids {
    int32_t *ids; /* [count]; NULL = the text itself counts */
    size_t count;
    bool truncated; /* for aki_text_info */
    size_t second;  /* as in encoder_sequence */
} scheduler_ids;

/* All zero but texts, count and done is a plain request. */
typedef struct scheduler_submission {
    const aki_text *texts; /* [count]; data NULL = what stands there is not a text: AKI_INVALID_ARGUMENT */
    const scheduler_ids
        *ids; /* [count]: embedded instead of the text, and not kept in the cache; NULL = none */
    size_t count;
    /* Where it is no VECTOR, nothing is kept in the cache, or answered from it. */
    encoder_output output;
    /* For outputs of tokens: how many a text has at most. All texts must be given by their ids. scheduler_result.vectors is then
     * [count][token_room][numbers of a token], filled as far as info says. Else 0. */
    size_t token_room;
    /* Vectors are computed whole, so `dimensions` must be 0. A prompt stands before texts, never before ids. */
    aki_embed_options options;
    scheduler_priority priority;
    bool
        on_error_item; /* a text that cannot be embedded fails alone, as a scheduler_item_error, not the request */
    /* A health probe: never refused because of load, never answered from the cache, not counted. Priority, client and
     * times have no effect. */
    bool probe;
    bool calibrates; /* a probe whose passes count for the measured speed */
    /* Checks the device; NULL = no check. A wrong vector fails the pass, opens the device's circuit breaker, and
     * drops from the cache what the device has computed since it was last found right. Until a judge finds it right,
     * an open breaker lets only passes with a judge probe it. */
    scheduler_judge_fn judge;
    bool traced;     /* scheduler_result.times is wanted; costs some readings of the clock per pass */
    uint64_t client; /* whose request it is, for fairness between clients; 0 = nobody's in particular */
    /* clock_monotonic_ns values; 0 = none. The latest time for the first pass to begin, and the caller's own
     * deadline. From the first pass on, work_time.h limits the request. */
    int64_t begin_by_ns, deadline_ns;
    /* The log's name of the request; NULL = none. Lives until scheduler_request_free. */
    const char *label;
    scheduler_done_fn done;
    void *cookie;
} scheduler_submission;

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
/* After `done` only; the scheduler may be closed by then. NULL allowed. */
void scheduler_request_free(scheduler_request *request);

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
