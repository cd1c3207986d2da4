#include "scheduler/admission.h"

#include "base/clock.h"
#include "base/error.h"

/* How much of the older passes stays in the measured rate at each new one. */
#define RATE_MEMORY 0.95
/* What a request costs beside its tokens, in tokens: makes latencies of short and long requests comparable. */
#define REQUEST_COST_TOKENS 64

void admission_init(admission *a, const scheduler_settings *settings)
{
    *a = (admission){
        .workers = settings->workers,
        .max_wait_ns = settings->max_queue_wait_ms > 0 ? settings->max_queue_wait_ms * NS_PER_MS : INT64_MAX,
        .adaptive = settings->adaptive_limit,
    };
    gradient_limit_init(&a->limit, &gradient_limit_defaults);
}

int64_t admission_duration_ns(const admission *a, size_t tokens)
{
    if (a->rate_tokens <= 0)
        return 0;
    return (int64_t)((double)tokens * a->rate_ns / a->rate_tokens / a->workers);
}

void admission_measure(admission *a, size_t tokens, int64_t duration_ns)
{
    a->rate_tokens = a->rate_tokens * RATE_MEMORY + (double)tokens;
    a->rate_ns = a->rate_ns * RATE_MEMORY + (double)(duration_ns > 0 ? duration_ns : 1);
}

void admission_leave(admission *a, const scheduler_request *request, int64_t now_ns)
{
    if (a->adaptive && !request->probe && request->result.status == AKI_OK) {
        double latency_ns = (double)(now_ns - request->submitted_ns + 1);
        gradient_limit_sample(&a->limit, latency_ns / (double)(request->tokens + REQUEST_COST_TOKENS),
                              a->in_flight, now_ns);
    }
    a->in_flight--;
}

/* Refuses work that would be late, or keep an interactive client waiting for too long. */
static aki_status check_wait(admission *a, const queue *q, const admission_request *request,
                             size_t running_tokens, int64_t left_ns, aki_error *error)
{
    if (queue_is_empty(q))
        return AKI_OK;
    int64_t wait_ns = admission_duration_ns(a, queue_tokens_ahead(q, request->priority) + running_tokens);
    bool patient = request->priority == SCHEDULER_PRIORITY_BULK || a->max_wait_ns > left_ns;
    int64_t most_ns = patient ? left_ns : a->max_wait_ns;
    if (wait_ns < most_ns)
        return AKI_OK;
    a->refused_wait++;
    return error_set(error, AKI_OVERLOADED,
                     "the work that is queued takes about %lld ms; this request may wait for %lld ms",
                     (long long)(wait_ns / NS_PER_MS), (long long)(most_ns / NS_PER_MS));
}

aki_status admission_check(admission *a, const queue *q, const admission_request *request,
                           size_t running_tokens, int64_t now_ns, aki_error *error)
{
    int64_t left_ns = request->deadline_ns != 0 ? request->deadline_ns - now_ns : INT64_MAX;
    if (left_ns <= 0) {
        a->expired++;
        return error_set(error, AKI_DEADLINE_EXCEEDED,
                         "the time allowed passed while the request was received, before it could be queued");
    }
    if (a->adaptive && !gradient_limit_allows(&a->limit, a->in_flight)) {
        a->refused_limit++;
        return error_set(error, AKI_OVERLOADED, "%zu requests are in flight, which is the limit at this load",
                         a->in_flight);
    }
    aki_status status =
        queue_admits(q, request->priority, request->client, request->tokens, request->bytes, error);
    if (status != AKI_OK) {
        a->refused_full++;
        return status;
    }
    return check_wait(a, q, request, running_tokens, left_ns, error);
}
