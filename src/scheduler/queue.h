/* The bounded queue of the scheduler and its policy: which requests are let in, and what the next pass consists of.
 * Without threads, locks or a clock of its own: the caller holds the scheduler's lock and passes the time.
 *
 * Two classes. Interactive work goes first; bulk work takes all that interactive work leaves, and at least one token
 * in QUEUE_BULK_ONE_IN while both wait. A pass holds work of one class, so that a short query is not computed
 * together with bulk texts. A query therefore waits for the passes under way and, now and then, for one pass of the
 * share reserved for bulk work. Within a class: class_queue.h.
 *
 * Health probes are a class of their own, which goes before both, one text at a time. They count in no bound, and
 * bulk passes are not shortened for them as they are for queries. They do not expire.
 *
 * Bounds, in requests, tokens and bytes: of all work; of bulk work (QUEUE_BULK_SHARE of each, so that it never shuts
 * out interactive work); and of each named client (never more than is still free, so that one alone can hold half and
 * k equal ones 1/(k+1) each: the dynamic thresholds of Choudhury, Hahne, IEEE/ACM Transactions on Networking 6(2),
 * 1998).
 *
 * A request leaves the queue when its last sequence is taken into a pass, or when it fails; it is finished when it
 * has left the queue and none of its sequences is in a pass any more. */
#ifndef SCHEDULER_QUEUE_H
#define SCHEDULER_QUEUE_H

#include "engine/turns.h"
#include "scheduler/class_queue.h"
#include "scheduler/pass.h"
#include "scheduler/request.h"
#include "scheduler/work_time.h"

/* The waiting requests by deadline: a binary min-heap, so that a pass start looks at what has expired and at nothing
 * else, however much waits. */

typedef struct deadline_heap {
    scheduler_request **items; /* [count] of [room]; each knows its place in heap_index */
    size_t count, room;
} deadline_heap;

void deadline_heap_free(deadline_heap *heap);

/* False = out of memory. */
AKI_MUST_CHECK bool deadline_heap_push(deadline_heap *heap, scheduler_request *request);
void deadline_heap_remove(deadline_heap *heap, scheduler_request *request);
/* After request->expires_ns was changed. */
void deadline_heap_moved(deadline_heap *heap, scheduler_request *request);

/* The request that expires first, or NULL. */
static inline scheduler_request *deadline_heap_first(const deadline_heap *heap)
{
    return heap->count > 0 ? heap->items[0] : NULL;
}

#define QUEUE_BULK_ONE_IN 5
/* Shares smaller than this are not worth a second worker: each reads all weights once, whatever the rows. */
#define QUEUE_SMALLEST_SHARE_TOKENS 64
/* Bulk passes are this short while interactive requests come, and for this long after one came: what comes next then
 * waits for a quarter of the usual pass. Full passes are a few per cent quicker by the token. */
#define QUEUE_BULK_BESIDE_TOKENS(max_pass_tokens) ((max_pass_tokens) / 4)
#define QUEUE_INTERACTIVE_MEMORY_NS INT64_C(10000000000)
#define QUEUE_BULK_SHARE(limit) ((limit) - (limit) / 8)

typedef struct queue {
    /* settings */
    size_t max_requests, max_tokens, max_bytes;
    size_t max_pass_tokens;
    int64_t inference_timeout_ns; /* of one pass; INT64_MAX = none */
    int64_t window_ns;            /* how long a pass that is not full may wait for more; 0 = not at all */

    /* state */
    class_queue classes[SCHEDULER_CLASSES];
    class_queue probes;
    work_time time;
    int64_t bulk_due; /* tokens * (QUEUE_BULK_ONE_IN - 1) that bulk work has to get; negative = had more */
    int64_t interactive_ns;          /* when interactive work last came; 0 = never */
    deadline_heap deadlines;         /* of all waiting requests */
    request_list finished;           /* to be handed to their `done` */
    size_t bytes[SCHEDULER_CLASSES]; /* of requests not yet finished */
    uint64_t expired, cancelled;     /* requests, so far */
} queue;

void queue_free(queue *q);

static inline class_queue *queue_class(queue *q, scheduler_priority priority)
{
    return &q->classes[priority - SCHEDULER_PRIORITY_INTERACTIVE];
}

/* Where the request waits. */
static inline class_queue *queue_class_of(queue *q, const scheduler_request *request)
{
    return request->probe ? &q->probes : queue_class(q, request->priority);
}

/* Without probes, like all counts here. */
static inline size_t queue_requests(const queue *q)
{
    return q->classes[0].requests + q->classes[1].requests;
}

static inline size_t queue_tokens(const queue *q)
{
    return q->classes[0].tokens + q->classes[1].tokens;
}

static inline size_t queue_bytes(const queue *q)
{
    return q->bytes[0] + q->bytes[1];
}

/* True when nothing waits for a pass, probes included. */
static inline bool queue_is_empty(const queue *q)
{
    return q->deadlines.count == 0;
}

/* AKI_OK, or AKI_OVERLOADED with the limit that was reached. The priority must not be AUTO. tokens and bytes: of the request
 * in question. An empty queue takes any one request. */
AKI_MUST_CHECK aki_status queue_admits(const queue *q, scheduler_priority priority, uint64_t client,
                                       size_t tokens, size_t bytes, aki_error *error);
/* The request's priority must not be AUTO. Error: AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status queue_push(queue *q, scheduler_request *request, aki_error *error);

/* Fails and drops requests whose time has passed. */
void queue_drop_expired(queue *q, int64_t now_ns);
/* Fails the request and drops what waits of it. */
void queue_drop(queue *q, scheduler_request *request, const aki_error *error, int64_t now_ns);

/* When the next pass should begin: at once (<= now_ns), at the end of the window, or never (INT64_MAX, empty). */
int64_t queue_start_ns(const queue *q);
/* Tells what the next pass is, for the choice among sources. A health probe is a check; measurements of more texts, as
 * a model needs them when it is loaded, count as interactive. So does bulk work whose turn has come while interactive
 * work waits too: it has earned that within its own queue, and what waits behind it must not wait for the other
 * sources' as well. The deadline is that of its first request. The queue is not empty. */
void queue_look(queue *q, turns_offer *out);
/* Interactive work came to somebody who shares the workers, at that time: it counts like the queue's own. */
void queue_note_interactive(queue *q, int64_t came_ns);
/* Fills the pass with the next sequences: the tokens of the chosen class that fall to one of `takers` workers, never more
 * than a full pass, at least one sequence where any waits. */
void queue_take(queue *q, pass *p, unsigned takers, int64_t now_ns);
/* Books the outcome of a pass: per-sequence statuses are in p->sequences; error, where the pass failed, is that of all
 * whose status is not AKI_OK, else NULL. */
void queue_settle(queue *q, const pass *p, const aki_error *error, int64_t now_ns);

/* Waiting tokens that would be taken before the first pass of a request that arrives now. */
size_t queue_tokens_ahead(const queue *q, scheduler_priority priority, uint64_t client);

/* The next finished request, or NULL. */
scheduler_request *queue_pop_finished(queue *q);

#endif
