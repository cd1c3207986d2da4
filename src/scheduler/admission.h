/* Whether a request is let in, beyond the bounds of the queue: by the wait that the measured speed promises, and by the
 * adaptive limit of requests in flight. Without threads, locks or a clock of its own: whoever uses it holds the scheduler's
 * lock and says what time it is.
 *
 * The speed is that of recent passes. It is asked for only while work is queued, which renews it: one slow pass cannot
 * close the door for good. */
#ifndef SCHEDULER_ADMISSION_H
#define SCHEDULER_ADMISSION_H

#include "resilience/gradient_limit.h"
#include "scheduler/queue.h"

typedef struct admission {
    /* settings */
    unsigned workers;
    int64_t max_wait_ns; /* of interactive work; INT64_MAX = no limit */
    bool adaptive;

    /* state */
    gradient_limit limit;
    size_t in_flight;            /* requests let in and not done */
    double rate_tokens, rate_ns; /* decayed sums over passes */
    uint64_t refused_full, refused_wait, refused_limit, expired;
} admission;

/* What is known of a request: before its texts are read, tokens and bytes are the least that they can be, and priority may
 * be AUTO, which is let in as the class that is refused last. */
typedef struct admission_request {
    scheduler_priority priority;
    uint64_t client;
    bool probe;
    int64_t deadline_ns; /* 0 = none */
    size_t tokens, bytes;
} admission_request;

void admission_init(admission *a, const scheduler_settings *settings);

/* AKI_OK; AKI_OVERLOADED; AKI_DEADLINE_EXCEEDED where the deadline has passed. Refusals are counted. */
AKI_MUST_CHECK aki_status admission_check(admission *a, const queue *q, const admission_request *request,
                                          size_t running_tokens, int64_t now_ns, aki_error *error);

/* A pass of so many tokens took so long. */
void admission_measure(admission *a, size_t tokens, int64_t duration_ns);
/* A request that was let in is done. */
void admission_leave(admission *a, const scheduler_request *request, int64_t now_ns);

/* Time to compute as many tokens with all workers; 0 before anything was measured. */
int64_t admission_duration_ns(const admission *a, size_t tokens);

#endif
