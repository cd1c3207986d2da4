#include "scheduler/queue.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"

void queue_free(queue *q)
{
    deadline_heap_free(&q->deadlines);
}

/* ---- Admission ---- */

static aki_status refuse_requests(size_t waiting, const char *whose, aki_error *error)
{
    return error_set(error, AKI_OVERLOADED, "%zu requests%s are waiting, which is the limit", waiting, whose);
}

static aki_status refuse_tokens(size_t waiting, const char *whose, size_t tokens, size_t limit,
                                aki_error *error)
{
    return error_set(error, AKI_OVERLOADED,
                     "%zu tokens%s are waiting; with this request's %zu that is over the limit of %zu",
                     waiting, whose, tokens, limit);
}

static bool exceeds(size_t used, size_t more, size_t limit)
{
    return used > limit || more > limit - used;
}

static aki_status refuse_bytes(size_t used, const char *whose, size_t bytes, size_t limit, aki_error *error)
{
    return error_set(error, AKI_OVERLOADED,
                     "requests%s under way take %zu bytes; with this one's %zu that is over the limit of %zu",
                     whose, used, bytes, limit);
}

static aki_status admit_client(const queue *q, uint64_t client, size_t tokens, size_t bytes, aki_error *error)
{
    size_t own_requests = 0, own_tokens = 0, own_bytes = 0;
    for (size_t i = 0; i < SCHEDULER_CLASSES; i++) {
        const client_flow *flow = class_queue_flow(&q->classes[i], client);
        own_requests += flow != NULL ? flow->requests : 0;
        own_tokens += flow != NULL ? flow->tokens : 0;
        own_bytes += flow != NULL ? flow->bytes : 0;
    }
    size_t requests = queue_requests(q), waiting = queue_tokens(q), used = queue_bytes(q);
    size_t free_requests = q->max_requests > requests ? q->max_requests - requests : 0;
    size_t free_tokens = q->max_tokens > waiting ? q->max_tokens - waiting : 0;
    size_t free_bytes = q->max_bytes > used ? q->max_bytes - used : 0;
    if (own_requests >= free_requests)
        return refuse_requests(own_requests, " of this client", error);
    if (own_tokens > 0 && exceeds(own_tokens, tokens, free_tokens))
        return refuse_tokens(own_tokens, " of this client", tokens, free_tokens, error);
    if (own_bytes > 0 && exceeds(own_bytes, bytes, free_bytes))
        return refuse_bytes(own_bytes, " of this client", bytes, free_bytes, error);
    return AKI_OK;
}

aki_status queue_admits(const queue *q, scheduler_priority priority, uint64_t client, size_t tokens,
                        size_t bytes, aki_error *error)
{
    const class_queue *bulk = &q->classes[SCHEDULER_PRIORITY_BULK - SCHEDULER_PRIORITY_INTERACTIVE];
    size_t requests = queue_requests(q), waiting = queue_tokens(q);
    if (requests >= q->max_requests)
        return refuse_requests(requests, "", error);
    size_t used = queue_bytes(q),
           bulk_used = q->bytes[SCHEDULER_PRIORITY_BULK - SCHEDULER_PRIORITY_INTERACTIVE];
    if (used > 0 && exceeds(used, bytes, q->max_bytes))
        return refuse_bytes(used, "", bytes, q->max_bytes, error);
    if (priority == SCHEDULER_PRIORITY_BULK && bulk_used > 0 &&
        exceeds(bulk_used, bytes, QUEUE_BULK_SHARE(q->max_bytes)))
        return refuse_bytes(bulk_used, " of the class bulk", bytes, QUEUE_BULK_SHARE(q->max_bytes), error);
    if (waiting == 0)
        return AKI_OK;
    if (exceeds(waiting, tokens, q->max_tokens))
        return refuse_tokens(waiting, "", tokens, q->max_tokens, error);
    if (priority == SCHEDULER_PRIORITY_BULK) {
        if (bulk->requests >= QUEUE_BULK_SHARE(q->max_requests))
            return refuse_requests(bulk->requests, " of the class bulk", error);
        if (exceeds(bulk->tokens, tokens, QUEUE_BULK_SHARE(q->max_tokens)))
            return refuse_tokens(bulk->tokens, " of the class bulk", tokens, QUEUE_BULK_SHARE(q->max_tokens),
                                 error);
    }
    return client != 0 ? admit_client(q, client, tokens, bytes, error) : AKI_OK;
}

aki_status queue_push(queue *q, scheduler_request *request, aki_error *error)
{
    request->expires_ns =
        request->begin_by_ns < request->deadline_ns ? request->begin_by_ns : request->deadline_ns;
    if (!deadline_heap_push(&q->deadlines, request))
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to queue the request");
    if (!class_queue_push(queue_class_of(q, request), request)) {
        deadline_heap_remove(&q->deadlines, request);
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to queue the request");
    }
    request->queued = true;
    if (request->probe)
        return AKI_OK;
    if (request->priority == SCHEDULER_PRIORITY_INTERACTIVE)
        q->interactive_ns = request->submitted_ns;
    q->bytes[request->priority - SCHEDULER_PRIORITY_INTERACTIVE] += request->bytes;
    return AKI_OK;
}

/* ---- Leaving ---- */

static void leave(queue *q, scheduler_request *request)
{
    if (!request->queued)
        return;
    class_queue_remove(queue_class_of(q, request), request);
    deadline_heap_remove(&q->deadlines, request);
    request->queued = false;
}

static void finish_if_complete(queue *q, scheduler_request *request, int64_t now_ns)
{
    if (request->queued || request->running > 0 || request->finished)
        return;
    request->finished = true;
    bool begun = request->taken > 0;
    scheduler_result *result = &request->result;
    result->queue_ns = (begun ? request->begun_ns : now_ns) - request->submitted_ns;
    result->inference_ns = begun ? now_ns - request->begun_ns : 0;
    if (!request->probe)
        q->bytes[request->priority - SCHEDULER_PRIORITY_INTERACTIVE] -= request->bytes;
    request_list_push(&q->finished, request);
}

void queue_drop(queue *q, scheduler_request *request, const aki_error *error, int64_t now_ns)
{
    if (!request->queued)
        return;
    request_fail(request, error);
    q->expired += error->status == AKI_DEADLINE_EXCEEDED;
    q->cancelled += error->status == AKI_CANCELLED;
    leave(q, request);
    finish_if_complete(q, request, now_ns);
}

/* Says what the time was spent on. */
static void describe_expiry(const scheduler_request *request, int64_t now_ns, aki_error *error)
{
    if (request->taken == 0) {
        error_set(error, AKI_DEADLINE_EXCEEDED,
                  "the time allowed passed in the queue: the request had waited for inference for %lld ms",
                  (long long)((now_ns - request->submitted_ns) / NS_PER_MS));
        error_hint(error, "Retry later, or allow more time.");
        return;
    }
    error_set(
        error, AKI_DEADLINE_EXCEEDED,
        "the time allowed passed during inference: %zu of %zu texts were computed, after %lld ms in the "
        "queue and %lld ms of inference",
        request->taken - request->running, request->count,
        (long long)((request->begun_ns - request->submitted_ns) / NS_PER_MS),
        (long long)((now_ns - request->begun_ns) / NS_PER_MS));
    error_hint(error, "Send fewer texts at once, or allow more time.");
}

void queue_drop_expired(queue *q, int64_t now_ns)
{
    scheduler_request *request;
    while ((request = deadline_heap_first(&q->deadlines)) != NULL && request->expires_ns <= now_ns) {
        aki_error error;
        describe_expiry(request, now_ns, &error);
        queue_drop(q, request, &error, now_ns);
    }
}

/* ---- Passes ---- */

size_t queue_tokens_ahead(const queue *q, scheduler_priority priority, uint64_t client)
{
    const class_queue *interactive = &q->classes[0], *bulk = &q->classes[1];
    if (priority == SCHEDULER_PRIORITY_BULK)
        return interactive->tokens + class_queue_tokens_ahead(bulk, client);
    const size_t ahead = class_queue_tokens_ahead(interactive, client);
    const size_t share = ahead / (QUEUE_BULK_ONE_IN - 1); /* of bulk work in between */
    return ahead + (share < bulk->tokens ? share : bulk->tokens);
}

int64_t queue_start_ns(const queue *q)
{
    if (queue_is_empty(q))
        return INT64_MAX;
    if (q->window_ns == 0 || queue_tokens(q) >= q->max_pass_tokens)
        return INT64_MIN;
    int64_t oldest_ns = INT64_MAX;
    for (size_t i = 0; i < q->deadlines.count; i++)
        if (q->deadlines.items[i]->submitted_ns < oldest_ns)
            oldest_ns = q->deadlines.items[i]->submitted_ns;
    return oldest_ns + q->window_ns;
}

/* When this much is due, bulk work gets a pass. */
static int64_t due_of_a_pass(const queue *q)
{
    return (int64_t)q->max_pass_tokens * (QUEUE_BULK_ONE_IN - 1);
}

static scheduler_priority next_class(const queue *q)
{
    const class_queue *interactive = &q->classes[0], *bulk = &q->classes[1];
    bool due = q->bulk_due >= due_of_a_pass(q);
    return bulk->turn == NULL || (interactive->turn != NULL && !due) ? SCHEDULER_PRIORITY_INTERACTIVE
                                                                     : SCHEDULER_PRIORITY_BULK;
}

void queue_look(queue *q, turns_offer *out)
{
    const bool probes = q->probes.turn != NULL,
               queries = queue_class(q, SCHEDULER_PRIORITY_INTERACTIVE)->turn != NULL;
    const scheduler_request *first = class_queue_head(probes ? &q->probes : queue_class(q, next_class(q)));
    out->deadline_ns = first->expires_ns;
    if (probes && first->count == 1)
        out->of_class = TURNS_CHECK;
    else
        out->of_class = probes || queries ? TURNS_INTERACTIVE : TURNS_BULK;
}

void queue_note_interactive(queue *q, int64_t came_ns)
{
    if (came_ns > q->interactive_ns)
        q->interactive_ns = came_ns;
}

/* Interactive passes for which bulk work waited earn it its share; its own passes use that up. What is due is bounded both
 * ways, so that neither class makes the other pay later for what it did not need before. */
static void book_shares(queue *q, scheduler_priority taken, bool bulk_waits, size_t tokens)
{
    int64_t most = 2 * due_of_a_pass(q), least = -due_of_a_pass(q);
    if (taken == SCHEDULER_PRIORITY_BULK)
        q->bulk_due -= (int64_t)tokens * (QUEUE_BULK_ONE_IN - 1);
    else if (bulk_waits)
        q->bulk_due += (int64_t)tokens;
    q->bulk_due = q->bulk_due > most ? most : q->bulk_due < least ? least : q->bulk_due;
}

/* Called when a pass takes sequences of the request: updates the time at which the request expires. From the first
 * pass on, begin_by no longer counts, and later passes only extend the time. */
static void give_time(queue *q, scheduler_request *request, int64_t now_ns)
{
    const bool begins = request->taken == 0;
    if (begins)
        request->begun_ns = request->reported_ns = now_ns;
    if (request->probe)
        return;
    int64_t until_ns = work_time_deadline_ns(&q->time, request->begun_ns, request->waiting_tokens, now_ns);
    until_ns = until_ns < request->deadline_ns ? until_ns : request->deadline_ns;
    if (begins || until_ns > request->expires_ns) {
        request->expires_ns = until_ns;
        deadline_heap_moved(&q->deadlines, request);
    }
}

void queue_take(queue *q, pass *p, unsigned takers, int64_t now_ns)
{
    const bool probes = q->probes.turn != NULL;
    scheduler_priority priority = next_class(q);
    class_queue *c = probes ? &q->probes : queue_class(q, priority);
    bool bulk_waits = queue_class(q, SCHEDULER_PRIORITY_BULK)->turn != NULL;
    size_t share = (c->tokens + takers - 1) / takers;
    share = share > QUEUE_SMALLEST_SHARE_TOKENS ? share : QUEUE_SMALLEST_SHARE_TOKENS;
    const size_t beside = QUEUE_BULK_BESIDE_TOKENS(q->max_pass_tokens);
    if (!probes && priority == SCHEDULER_PRIORITY_BULK && share > beside && q->interactive_ns != 0 &&
        now_ns - q->interactive_ns < QUEUE_INTERACTIVE_MEMORY_NS)
        share = beside;
    pass_clear(p);
    p->probes = probes;
    p->begun_ns = now_ns;
    p->expires_ns =
        q->inference_timeout_ns < INT64_MAX - now_ns ? now_ns + q->inference_timeout_ns : INT64_MAX;
    scheduler_request *request, *former = NULL;
    size_t cost;
    while ((request = class_queue_head(c)) != NULL &&
           pass_add(p, request, request->taken, share, q->max_pass_tokens, &cost)) {
        if (request != former)
            give_time(q, request, now_ns);
        former = request;
        p->expires_ns = request->expires_ns < p->expires_ns ? request->expires_ns : p->expires_ns;
        request->running++;
        if (class_queue_take(c, request, cost)) {
            deadline_heap_remove(&q->deadlines, request);
            request->queued = false;
        }
    }
    if (!probes)
        book_shares(q, priority, bulk_waits, p->tokens);
}

/* After a pass that took longer than inference_timeout_ns: fails each of its requests that still has sequences
 * waiting. A request with none left gets its result. */
static void give_up_slow(queue *q, scheduler_request *request, const pass *p, int64_t now_ns)
{
    if (now_ns - p->begun_ns <= q->inference_timeout_ns || !request->queued || request->probe ||
        request->result.status != AKI_OK)
        return;
    aki_error error;
    error_set(
        &error, AKI_DEADLINE_EXCEEDED,
        "the time allowed passed during inference: one pass took %lld ms, where %lld ms are allowed; %zu "
        "of %zu texts were computed",
        (long long)((now_ns - p->begun_ns) / NS_PER_MS), (long long)(q->inference_timeout_ns / NS_PER_MS),
        request->taken - request->running, request->count);
    error_hint(&error, "Retry later, or allow a pass more time.");
    request_fail(request, &error);
    q->expired++;
}

void queue_settle(queue *q, const pass *p, const aki_error *error, int64_t now_ns)
{
    for (size_t i = 0; i < p->owners_count; i++) {
        scheduler_request *request = p->owners[i].request;
        aki_status status = p->sequences[p->owners[i].computed].status;
        request->running--;
        if (status == AKI_OK && p->level > request->result.served_by)
            request->result.served_by = p->level;
        request->result.device_attempts += p->attempts;
        request->result.device_times.transfer_in_ns += p->times.transfer_in_ns;
        request->result.device_times.forward_ns += p->times.forward_ns;
        request->result.device_times.transfer_out_ns += p->times.transfer_out_ns;
        if (error != NULL && status != AKI_OK) {
            request_fail(request, error);
        } else if (status != AKI_OK) {
            aki_error own;
            size_t text = request->text_of[p->owners[i].index];
            error_set(&own, status, "the vector of text %zu came out with NaN or infinity: %s", text,
                      p->cause);
            error_at_text(&own, text);
            request_fail_text(request, text, &own);
        }
    }
    for (size_t i = 0; i < p->owners_count; i++) {
        scheduler_request *request = p->owners[i].request;
        give_up_slow(q, request, p, now_ns);
        if (request->result.status != AKI_OK)
            leave(q, request);
        finish_if_complete(q, request, now_ns);
    }
}

scheduler_request *queue_pop_finished(queue *q)
{
    scheduler_request *request = q->finished.first;
    if (request != NULL)
        request_list_remove(&q->finished, request);
    return request;
}

#define FIRST_ROOM 64

void deadline_heap_free(deadline_heap *heap)
{
    mem_free(heap->items);
    *heap = (deadline_heap){0};
}

static void put(deadline_heap *heap, size_t place, scheduler_request *request)
{
    heap->items[place] = request;
    request->heap_index = place;
}

static void rise(deadline_heap *heap, size_t place, scheduler_request *request)
{
    while (place > 0) {
        size_t parent = (place - 1) / 2;
        if (heap->items[parent]->expires_ns <= request->expires_ns)
            break;
        put(heap, place, heap->items[parent]);
        place = parent;
    }
    put(heap, place, request);
}

static void sink(deadline_heap *heap, size_t place, scheduler_request *request)
{
    for (;;) {
        size_t child = 2 * place + 1;
        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && heap->items[child + 1]->expires_ns < heap->items[child]->expires_ns)
            child++;
        if (request->expires_ns <= heap->items[child]->expires_ns)
            break;
        put(heap, place, heap->items[child]);
        place = child;
    }
    put(heap, place, request);
}

bool deadline_heap_push(deadline_heap *heap, scheduler_request *request)
{
    if (heap->count == heap->room) {
        size_t room = heap->room > 0 ? heap->room * 2 : FIRST_ROOM;
        scheduler_request **larger = mem_realloc(heap->items, room, sizeof *larger);
        if (larger == NULL)
            return false;
        heap->items = larger;
        heap->room = room;
    }
    rise(heap, heap->count++, request);
    return true;
}

static void settle(deadline_heap *heap, size_t place, scheduler_request *request)
{
    if (place > 0 && request->expires_ns < heap->items[(place - 1) / 2]->expires_ns)
        rise(heap, place, request);
    else
        sink(heap, place, request);
}

void deadline_heap_remove(deadline_heap *heap, scheduler_request *request)
{
    size_t place = request->heap_index;
    scheduler_request *last = heap->items[--heap->count];
    if (last != request)
        settle(heap, place, last);
}

void deadline_heap_moved(deadline_heap *heap, scheduler_request *request)
{
    settle(heap, request->heap_index, request);
}
