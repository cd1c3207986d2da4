/* Decides after a failed attempt if and when the next one is made.
 *
 * The class of failure decides. A failure that may pass by itself is tried again: the model is not loaded yet, a
 * device is away, an attempt timed out. One that would recur never is: invalid input, out of memory. There are at
 * most three attempts in all. The wait before attempt n + 1 is uniform between 0 and min(cap, first x 2^(n-1)): "full
 * jitter" (Brooker: Exponential Backoff And Jitter, AWS Architecture Blog). No attempt is made that could begin only
 * after the request's deadline. After a timeout, none is made that could not last as long again before the deadline.
 * All retries together are bounded by a retry_budget.
 *
 * A pure decision: does not wait, read a clock or lock. Thread-safe. */
#ifndef RESILIENCE_RETRY_H
#define RESILIENCE_RETRY_H

#include "akidb/embed.h"
#include "resilience/jitter.h"
#include "resilience/retry_budget.h"

#define RETRY_NO_DEADLINE INT64_MAX

/* X(symbol, name, whether it is tried again) */
#define RETRY_CAUSES(X)                                                                                      \
    X(RETRY_MODEL_NOT_LOADED, "model_not_loaded", true)                                                      \
    X(RETRY_DEVICE_UNAVAILABLE, "device_unavailable", true) /* failed, hung, vanished, or returned NaN */    \
    X(RETRY_TIMEOUT, "timeout", true)                       /* of one attempt, not of the whole request */   \
    X(RETRY_INVALID_INPUT, "invalid_input", false)                                                           \
    X(RETRY_OUT_OF_MEMORY, "out_of_memory", false)                                                           \
    X(RETRY_CANCELLED, "cancelled", false)                                                                   \
    X(RETRY_OTHER, "other", false)

typedef enum retry_cause {
#define RETRY_CAUSE_ENUM(symbol, name, again) symbol,
    RETRY_CAUSES(RETRY_CAUSE_ENUM)
#undef RETRY_CAUSE_ENUM
        RETRY_CAUSE_COUNT
} retry_cause;

typedef enum retry_verdict {
    RETRY_AGAIN,             /* after delay_ns */
    RETRY_NOT_OF_USE,        /* the cause does not pass by itself */
    RETRY_ATTEMPTS_SPENT,    /* as many as are allowed were made */
    RETRY_DEADLINE_TOO_NEAR, /* the next attempt could not begin, or not end, before the deadline */
    RETRY_BUDGET_SPENT,      /* too many of the recent requests were retried */
    RETRY_VERDICT_COUNT
} retry_verdict;

typedef struct retry_settings {
    unsigned attempts;      /* in all, the first one included: 1 .. 10 */
    int64_t first_delay_ns; /* >= 0 */
    int64_t delay_max_ns;   /* >= first_delay_ns */
} retry_settings;

/* Up to 5 s between attempts, and: */
#define RETRY_DEFAULT_ATTEMPTS 3
#define RETRY_DEFAULT_DELAY_MS 100
extern const retry_settings retry_defaults;

typedef struct retry_decision {
    retry_verdict verdict;
    int64_t delay_ns; /* 0 unless RETRY_AGAIN */
} retry_decision;

typedef struct retry_failure {
    retry_cause cause;      /* of the last attempt's failure */
    unsigned attempts_made; /* >= 1 */
    int64_t duration_ns;    /* of the last attempt */
} retry_failure;

/* A token is taken from *budget (NULL = no budget) only for RETRY_AGAIN. */
retry_decision retry_decide(const retry_settings *settings, retry_budget *budget, jitter *noise,
                            const retry_failure *failure, int64_t now_ns, int64_t deadline_ns);

/* The longest wait before the attempt that follows `attempts_made` >= 1. */
int64_t retry_longest_delay_ns(const retry_settings *settings, unsigned attempts_made);

/* The class of a status of this library. AKI_DEADLINE_EXCEEDED is a timeout: that the request's own deadline has not
 * passed is seen by retry_decide. */
retry_cause retry_cause_of(aki_status status);

bool retry_cause_is_retried(retry_cause cause);
const char *retry_cause_name(retry_cause cause);
const char *retry_verdict_name(retry_verdict verdict);

#endif
