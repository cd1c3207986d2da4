#include "scheduler/admission.h"

#include "base/clock.h"
#include "base/error.h"

/* How much of the older passes stays in the measured rate at each new one. */
#define RATE_MEMORY 0.95
/* Fixed cost of a request, in tokens: makes latencies of short and long requests comparable. */
#define REQUEST_COST_TOKENS 64

void admission_init(admission *a, const scheduler_settings *settings)
{
    *a = (admission){
        .workers = settings->workers,
        .max_wait_ns = settings->max_queue_wait_ms > 0 ? settings->max_queue_wait_ms * NS_PER_MS : INT64_MAX,
        .adaptive = settings->adaptive_limit,
        .sharers = 1,
    };
    for (size_t i = 0; i < SCHEDULER_CLASSES; i++)
        gradient_limit_init(&a->limits[i], &gradient_limit_defaults);
}

int64_t admission_duration_ns(const admission *a, size_t tokens)
{
    if (a->rate_tokens <= 0)
        return 0;
    return (int64_t)((double)tokens * a->rate_ns / a->rate_tokens / a->workers * a->sharers);
}

void admission_measure(admission *a, size_t tokens, int64_t duration_ns)
{
    a->rate_tokens = a->rate_tokens * RATE_MEMORY + (double)tokens;
    a->rate_ns = a->rate_ns * RATE_MEMORY + (double)(duration_ns > 0 ? duration_ns : 1);
}

static size_t class_index(scheduler_priority priority)
{
    return priority - SCHEDULER_PRIORITY_INTERACTIVE;
}

void admission_enter(admission *a, const scheduler_request *request)
{
    a->in_flight[class_index(request->priority)] += !request->probe;
}

void admission_leave(admission *a, const scheduler_request *request, int64_t now_ns)
{
    if (request->probe)
        return;
    const size_t of_class = class_index(request->priority);
    if (a->adaptive && request->result.status == AKI_OK) {
        double latency_ns = (double)(now_ns - request->submitted_ns + 1);
        gradient_limit_sample(&a->limits[of_class],
                              latency_ns / (double)(request->tokens + REQUEST_COST_TOKENS),
                              a->in_flight[of_class], now_ns);
    }
    a->in_flight[of_class]--;
}

/* The time that a request has; INT64_MAX = any. */
typedef struct time_left {
    int64_t begin_ns; /* for its first pass to begin */
    int64_t done_ns;  /* for its last to end */
} time_left;

static int64_t left_ns(int64_t until_ns, int64_t now_ns)
{
    return until_ns != 0 ? until_ns - now_ns : INT64_MAX;
}

/* Refuses work that would be late, or keep an interactive client waiting for too long. */
static aki_status check_wait(const admission *a, const queue *q, const admission_request *request,
                             size_t running_tokens, const time_left *left, aki_error *error)
{
    if (queue_tokens(q) == 0)
        return AKI_OK;
    const int64_t wait_ns =
        admission_duration_ns(a, queue_tokens_ahead(q, request->priority, request->client) + running_tokens);
    const int64_t takes_ns = work_time_estimate_ns(&q->time, request->tokens);
    int64_t most_ns = left->begin_ns;
    if (left->done_ns < INT64_MAX && left->done_ns - takes_ns < most_ns)
        most_ns = left->done_ns - takes_ns;
    if (request->priority == SCHEDULER_PRIORITY_INTERACTIVE && a->max_wait_ns < most_ns)
        most_ns = a->max_wait_ns;
    if (wait_ns < most_ns)
        return AKI_OK;
    return error_set(error, AKI_OVERLOADED,
                     "the work that is queued takes about %lld ms; this request may wait for %lld ms",
                     (long long)(wait_ns / NS_PER_MS), (long long)(most_ns > 0 ? most_ns / NS_PER_MS : 0));
}

/* The counter for a refusal with this status; NULL = the request was let in. */
static uint64_t *check_class(admission *a, const queue *q, const admission_request *request,
                             size_t running_tokens, const time_left *left, aki_error *error)
{
    const size_t of_class = class_index(request->priority);
    if (a->adaptive && !gradient_limit_allows(&a->limits[of_class], a->in_flight[of_class])) {
        error_set(error, AKI_OVERLOADED, "%zu %s requests are in flight, which is the limit at this load",
                  a->in_flight[of_class],
                  request->priority == SCHEDULER_PRIORITY_BULK ? "bulk" : "interactive");
        return &a->refused_limit;
    }
    if (queue_admits(q, request->priority, request->client, request->tokens, request->bytes, error) != AKI_OK)
        return &a->refused_full;
    return check_wait(a, q, request, running_tokens, left, error) != AKI_OK ? &a->refused_wait : NULL;
}

aki_status admission_check(admission *a, const queue *q, const admission_request *request,
                           size_t running_tokens, int64_t now_ns, aki_error *error)
{
    const time_left left = {.begin_ns = left_ns(request->begin_by_ns, now_ns),
                            .done_ns = left_ns(request->deadline_ns, now_ns)};
    if (left.begin_ns <= 0 || left.done_ns <= 0) {
        a->expired++;
        return error_set(error, AKI_DEADLINE_EXCEEDED,
                         "the time allowed passed while the request was received, before it could be queued");
    }
    aki_status status = work_time_check(&q->time, request->texts, request->tokens, left.done_ns, error);
    if (status != AKI_OK)
        return status;
    admission_request asked = *request;
    if (request->priority == SCHEDULER_PRIORITY_AUTO)
        asked.priority = SCHEDULER_PRIORITY_INTERACTIVE;
    uint64_t *refused = check_class(a, q, &asked, running_tokens, &left, error);
    if (refused != NULL && request->priority == SCHEDULER_PRIORITY_AUTO) {
        asked.priority = SCHEDULER_PRIORITY_BULK;
        refused = check_class(a, q, &asked, running_tokens, &left, error);
    }
    if (refused == NULL)
        return AKI_OK;
    (*refused)++;
    return AKI_OVERLOADED;
}
