/* Admission control beyond the bounds of the queue. A request is refused by the wait expected at the measured speed,
 * by the time that its own work takes, or by an adaptive limit of requests in flight. Without threads, locks or a
 * clock of its own: the caller holds the scheduler's lock and passes the time.
 *
 * Each class has its own limit of requests in flight, adapted to the latency of its own requests. So bulk requests,
 * which wait behind each other, neither use up nor lower the limit of interactive ones.
 *
 * The speed is that of recent passes. It is used only while work is queued, and that work updates it: one slow pass
 * cannot keep requests out for good. */
#ifndef SCHEDULER_ADMISSION_H
#define SCHEDULER_ADMISSION_H

#include "resilience/gradient_limit.h"
#include "scheduler/queue.h"
#include "scheduler/settings.h"

typedef struct admission {
    /* settings */
    unsigned workers;
    int64_t max_wait_ns; /* of interactive work; INT64_MAX = no limit */
    bool adaptive;

    /* state */
    /* sources that share the workers, the caller's included: each gets an equal part of their time */
    unsigned sharers;
    gradient_limit limits[SCHEDULER_CLASSES];
    size_t in_flight[SCHEDULER_CLASSES]; /* requests let in and not done */
    double rate_tokens, rate_ns;         /* decayed sums over passes */
    uint64_t refused_full, refused_wait, refused_limit, expired;
} admission;

/* A request as far as it is known. Before its texts are read, texts, tokens and bytes are lower bounds, and priority
 * may be AUTO: then the request is refused only if both classes would refuse it. */
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
/* Called when a request that was let in is done. Probes are not counted, here or in admission_enter. */
void admission_leave(admission *a, const scheduler_request *request, int64_t now_ns);

/* Time to compute as many tokens with all workers; 0 before anything was measured. */
int64_t admission_duration_ns(const admission *a, size_t tokens);

#endif
