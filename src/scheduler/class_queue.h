/* The waiting requests of one class: first come first served within a client, and clients in turn.
 *
 * Turns are counted in tokens: deficit round robin (Shreedhar, Varghese: Efficient Fair Queuing Using Deficit Round-Robin,
 * SIGCOMM 1995), in the form that lets a client overdraw by one text and makes it wait that much longer. Clients with
 * waiting work thus get equal shares to within one turn and one text, whatever the sizes of their requests. A client
 * without waiting work has no flow, and saves up nothing. Requests of client 0 are one flow like any other. */
#ifndef SCHEDULER_CLASS_QUEUE_H
#define SCHEDULER_CLASS_QUEUE_H

#include "scheduler/request_list.h"

#define CLASS_QUEUE_TURN_TOKENS 256
#define CLASS_QUEUE_BUCKETS 64

/* The waiting requests of one client. */
typedef struct client_flow client_flow;
struct client_flow {
    uint64_t client;
    request_list waiting;
    size_t requests; /* of these, with no sequence taken yet */
    size_t tokens, bytes;
    int64_t left_tokens;          /* of this turn */
    client_flow *next, *previous; /* in the ring of turns */
    client_flow *next_in_bucket;
};

typedef struct class_queue {
    client_flow *turn; /* whose turn it is; NULL = nothing waits */
    client_flow *buckets[CLASS_QUEUE_BUCKETS];
    size_t requests, tokens; /* sums over the flows */
    size_t flows;
} class_queue;

/* False = out of memory. The request must have waiting sequences. */
AKI_MUST_CHECK bool class_queue_push(class_queue *c, scheduler_request *request);

/* The request whose next sequence is next, or NULL. */
scheduler_request *class_queue_head(class_queue *c);
/* The head's next sequence goes into a pass; cost_tokens: what it costs there. True when that was its last one: the
 * request has left the queue. */
bool class_queue_take(class_queue *c, scheduler_request *head, size_t cost_tokens);

/* Takes a waiting request out, with whatever of it was not taken. */
void class_queue_remove(class_queue *c, scheduler_request *request);

/* When the oldest of the waiting requests was submitted; INT64_MAX = none waits. */
int64_t class_queue_oldest_ns(const class_queue *c);

/* Upper bound of the tokens taken before a request of this client that arrives now: the client's own waiting tokens,
 * and as many turns of each other client. */
size_t class_queue_tokens_ahead(const class_queue *c, uint64_t client);

/* The flow of a client with waiting work, or NULL. */
const client_flow *class_queue_flow(const class_queue *c, uint64_t client);

#endif
