/* The bounded first-come-first-served queue behind the scheduler, without threads or locks of its own: whoever uses it
 * holds the scheduler's lock.
 *
 * A request leaves the queue when its last sequence is taken into a pass, or when it fails; it is finished when it has
 * left the queue and none of its sequences is in a pass any more. */
#ifndef SCHEDULER_QUEUE_H
#define SCHEDULER_QUEUE_H

#include "scheduler/request.h"

typedef struct request_list {
    scheduler_request *first, *last;
} request_list;

typedef struct queue {
    size_t max_requests, max_tokens, max_bytes;
    request_list waiting;
    request_list finished; /* to be handed to their `done` */
    size_t requests;       /* waiting, no sequence taken yet */
    size_t tokens;         /* waiting */
    size_t bytes;          /* of requests not yet finished */
} queue;

typedef struct pass_owner {
    scheduler_request *request;
    size_t index; /* of the sequence in it */
} pass_owner;

/* One pass under way: what was taken, and from whom. */
typedef struct pass {
    encoder_sequence *sequences; /* [capacity]: copies, in queue order */
    pass_owner *owners;          /* [capacity] */
    size_t count, capacity;
    size_t tokens;
} pass;

/* AKI_OK, or AKI_OVERLOADED with the limit that was reached. tokens and bytes: of the request in question. */
AKI_MUST_CHECK aki_status queue_admits(const queue *q, size_t tokens, size_t bytes, aki_error *error);
void queue_push(queue *q, scheduler_request *request);

/* Fails and drops requests whose deadline has passed. */
void queue_drop_expired(queue *q, int64_t now_ns);
/* Fails the request and drops what waits of it. */
void queue_drop(queue *q, scheduler_request *request, const aki_error *error);

/* Takes sequences from the head until `share_tokens` is reached, never more than max_tokens, at least one where any
 * waits. */
void queue_take(queue *q, pass *p, size_t share_tokens, size_t max_tokens, int64_t now_ns);
/* Books the outcome of a pass: per-sequence statuses are in p->sequences; error NULL unless the pass failed as a
 * whole. */
void queue_settle(queue *q, pass *p, const aki_error *error, int64_t now_ns);

/* The next finished request, or NULL. */
scheduler_request *queue_pop_finished(queue *q);

#endif
