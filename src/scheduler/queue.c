#include "scheduler/queue.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"

static void list_push(request_list *list, scheduler_request *request)
{
    request->previous = list->last;
    request->next = NULL;
    if (list->last != NULL)
        list->last->next = request;
    else
        list->first = request;
    list->last = request;
}

static void list_remove(request_list *list, scheduler_request *request)
{
    if (request->previous != NULL)
        request->previous->next = request->next;
    else
        list->first = request->next;
    if (request->next != NULL)
        request->next->previous = request->previous;
    else
        list->last = request->previous;
    request->previous = request->next = NULL;
}

aki_status queue_admits(const queue *q, size_t tokens, size_t bytes, aki_error *error)
{
    size_t sum = 0;
    if (q->requests >= q->max_requests)
        return error_set(error, AKI_OVERLOADED, "%zu requests are waiting, which is the limit", q->requests);
    if (q->waiting.first != NULL && (!size_add(q->tokens, tokens, &sum) || sum > q->max_tokens))
        return error_set(error, AKI_OVERLOADED,
                         "%zu tokens are waiting; with this request's %zu that is over "
                         "the limit of %zu",
                         q->tokens, tokens, q->max_tokens);
    if (q->bytes > 0 && (!size_add(q->bytes, bytes, &sum) || sum > q->max_bytes))
        return error_set(error, AKI_OVERLOADED,
                         "requests under way take %zu bytes; with this one's %zu that is "
                         "over the limit of %zu",
                         q->bytes, bytes, q->max_bytes);
    return AKI_OK;
}

void queue_push(queue *q, scheduler_request *request)
{
    request->queued = true;
    list_push(&q->waiting, request);
    q->requests++;
    q->tokens += request->waiting_tokens;
    q->bytes += request->bytes;
}

/* Takes the request out of the waiting list, with whatever of it was not taken. */
static void leave(queue *q, scheduler_request *request)
{
    if (!request->queued)
        return;
    list_remove(&q->waiting, request);
    request->queued = false;
    q->tokens -= request->waiting_tokens;
    request->waiting_tokens = 0;
    if (request->taken == 0)
        q->requests--;
}

static void finish_if_complete(queue *q, scheduler_request *request, int64_t now_ns)
{
    if (request->queued || request->running > 0)
        return;
    bool begun = request->taken > 0;
    scheduler_result *result = &request->result;
    result->queue_ns = (begun ? request->begun_ns : now_ns) - request->submitted_ns;
    result->inference_ns = begun ? now_ns - request->begun_ns : 0;
    q->bytes -= request->bytes;
    list_push(&q->finished, request);
}

void queue_drop(queue *q, scheduler_request *request, const aki_error *error)
{
    if (!request->queued)
        return;
    request_fail(request, error);
    leave(q, request);
    finish_if_complete(q, request, clock_monotonic_ns());
}

void queue_drop_expired(queue *q, int64_t now_ns)
{
    for (scheduler_request *request = q->waiting.first, *next; request != NULL; request = next) {
        next = request->next;
        if (request->deadline_ns > now_ns)
            continue;
        aki_error error;
        error_set(&error, AKI_DEADLINE_EXCEEDED,
                  "the time allowed passed after %lld ms of waiting, with %zu of %zu texts computed",
                  (long long)((now_ns - request->submitted_ns) / NS_PER_MS),
                  request->taken - request->running, request->count);
        queue_drop(q, request, &error);
    }
}

void queue_take(queue *q, pass *p, size_t share_tokens, size_t max_tokens, int64_t now_ns)
{
    p->count = p->tokens = 0;
    for (scheduler_request *request = q->waiting.first, *next; request != NULL; request = next) {
        next = request->next;
        while (request->taken < request->count) {
            const encoder_sequence *sequence = &request->sequences[request->taken];
            if (p->count == p->capacity ||
                (p->count > 0 && (p->tokens >= share_tokens || sequence->count > max_tokens - p->tokens)))
                return;
            p->sequences[p->count] = *sequence;
            p->owners[p->count] = (pass_owner){request, request->taken};
            p->count++;
            p->tokens += sequence->count;
            q->tokens -= sequence->count;
            request->waiting_tokens -= sequence->count;
            if (request->taken == 0) {
                request->begun_ns = now_ns;
                q->requests--;
            }
            request->taken++;
            request->running++;
        }
        leave(q, request);
    }
}

void queue_settle(queue *q, pass *p, const aki_error *error, int64_t now_ns)
{
    for (size_t i = 0; i < p->count; i++) {
        scheduler_request *request = p->owners[i].request;
        request->running--;
        if (error != NULL) {
            request_fail(request, error);
        } else if (p->sequences[i].status != AKI_OK) {
            aki_error own;
            size_t text = request->text_of[p->owners[i].index];
            error_set(&own, p->sequences[i].status, "the vector of text %zu: %s", text,
                      aki_status_text(p->sequences[i].status));
            error_at_text(&own, text);
            request_fail_text(request, text, &own);
        }
        if (request->result.status != AKI_OK)
            leave(q, request);
        finish_if_complete(q, request, now_ns);
    }
}

scheduler_request *queue_pop_finished(queue *q)
{
    scheduler_request *request = q->finished.first;
    if (request != NULL)
        list_remove(&q->finished, request);
    return request;
}
