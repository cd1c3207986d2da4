/* Decides which requests are let in, beyond the bounds of the queue: by the wait that the measured speed lets expect, by the
 * time that their own work takes, and by an adaptive limit of requests in flight. Without threads, locks or a clock of its own:
 * whoever uses it holds the scheduler's lock and says what time it is.
 *
 * Each class has a limit of requests in flight of its own, led by the latency of its own requests: bulk requests, which wait
 * behind each other, neither take the places of interactive ones nor lower their number.
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
    gradient_limit limits[SCHEDULER_CLASSES];
    size_t in_flight[SCHEDULER_CLASSES]; /* requests let in and not done */
    double rate_tokens, rate_ns;         /* decayed sums over passes */
    uint64_t refused_full, refused_wait, refused_limit, expired;
} admission;

/* What is known of a request: before its texts are read, texts, tokens and bytes are the least that they can be, and priority
 * may be AUTO: such a request is refused only if it would be in either class. */
typedef struct admission_request {
    scheduler_priority priority;
    uint64_t client;
    int64_t begin_by_ns, deadline_ns; /* 0 = none */
    size_t texts, tokens, bytes;
} admission_request;

void admission_init(admission *a, const scheduler_settings *settings);

/* AKI_OK; AKI_OVERLOADED; AKI_REQUEST_TOO_LONG (work_time.h); AKI_DEADLINE_EXCEEDED where a deadline has passed. Refusals are
 * counted. */
AKI_MUST_CHECK aki_status admission_check(admission *a, const queue *q, const admission_request *request,
                                          size_t running_tokens, int64_t now_ns, aki_error *error);

/* A pass of so many tokens took so long. */
void admission_measure(admission *a, size_t tokens, int64_t duration_ns);
void admission_enter(admission *a, const scheduler_request *request);
/* A request that was let in is done. Probes are not: neither this nor admission_enter counts them. */
void admission_leave(admission *a, const scheduler_request *request, int64_t now_ns);

/* Time to compute as many tokens with all workers; 0 before anything was measured. */
int64_t admission_duration_ns(const admission *a, size_t tokens);

#endif
