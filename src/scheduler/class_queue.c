#include "scheduler/class_queue.h"

#include "base/memory.h"

static client_flow **bucket_of(const class_queue *c, uint64_t client)
{
    /* Fibonacci hashing: keys that count upwards are spread evenly. */
    size_t bucket = (size_t)((client * UINT64_C(0x9E3779B97F4A7C15)) >> 58);
    return (client_flow **)&c->buckets[bucket % CLASS_QUEUE_BUCKETS];
}

const client_flow *class_queue_flow(const class_queue *c, uint64_t client)
{
    const client_flow *flow = *bucket_of(c, client);
    while (flow != NULL && flow->client != client)
        flow = flow->next_in_bucket;
    return flow;
}

/* A new flow is last in turn. */
static client_flow *open_flow(class_queue *c, uint64_t client)
{
    client_flow *flow = mem_zalloc(1, sizeof *flow);
    if (flow == NULL)
        return NULL;
    flow->client = client;
    flow->left_tokens = CLASS_QUEUE_TURN_TOKENS;
    client_flow **bucket = bucket_of(c, client);
    flow->next_in_bucket = *bucket;
    *bucket = flow;
    if (c->turn == NULL) {
        flow->next = flow->previous = flow;
        c->turn = flow;
    } else {
        flow->next = c->turn;
        flow->previous = c->turn->previous;
        flow->previous->next = flow;
        flow->next->previous = flow;
    }
    c->flows++;
    return flow;
}

static void close_flow(class_queue *c, client_flow *flow)
{
    client_flow **link = bucket_of(c, flow->client);
    while (*link != flow)
        link = &(*link)->next_in_bucket;
    *link = flow->next_in_bucket;
    flow->previous->next = flow->next;
    flow->next->previous = flow->previous;
    if (c->turn == flow)
        c->turn = flow->next != flow ? flow->next : NULL;
    c->flows--;
    mem_free(flow);
}

bool class_queue_push(class_queue *c, scheduler_request *request)
{
    client_flow *flow = (client_flow *)class_queue_flow(c, request->client);
    if (flow == NULL)
        flow = open_flow(c, request->client);
    if (flow == NULL)
        return false;
    request->flow = flow;
    request_list_push(&flow->waiting, request);
    flow->requests++;
    flow->tokens += request->waiting_tokens;
    flow->bytes += request->bytes;
    c->requests++;
    c->tokens += request->waiting_tokens;
    return true;
}

scheduler_request *class_queue_head(class_queue *c)
{
    if (c->turn == NULL)
        return NULL;
    while (c->turn->left_tokens <= 0) {
        c->turn->left_tokens += CLASS_QUEUE_TURN_TOKENS;
        c->turn = c->turn->next;
    }
    return c->turn->waiting.first;
}

static void forget_tokens(class_queue *c, scheduler_request *request, size_t tokens)
{
    request->waiting_tokens -= tokens;
    request->flow->tokens -= tokens;
    c->tokens -= tokens;
}

void class_queue_remove(class_queue *c, scheduler_request *request)
{
    client_flow *flow = request->flow;
    request_list_remove(&flow->waiting, request);
    flow->bytes -= request->bytes;
    forget_tokens(c, request, request->waiting_tokens);
    if (request->taken == 0) {
        flow->requests--;
        c->requests--;
    }
    request->flow = NULL;
    if (flow->waiting.first == NULL)
        close_flow(c, flow);
}

bool class_queue_take(class_queue *c, scheduler_request *head, size_t cost_tokens)
{
    client_flow *flow = head->flow;
    forget_tokens(c, head, head->sequences[head->taken].count);
    flow->left_tokens -= (int64_t)cost_tokens;
    if (head->taken == 0) {
        flow->requests--;
        c->requests--;
    }
    if (++head->taken < head->count)
        return false;
    class_queue_remove(c, head);
    return true;
}

size_t class_queue_tokens_ahead(const class_queue *c, uint64_t client)
{
    const client_flow *flow = class_queue_flow(c, client);
    const size_t own = flow != NULL ? flow->tokens : 0;
    const size_t others = c->flows - (flow != NULL);
    const size_t turns = own / CLASS_QUEUE_TURN_TOKENS + 1;
    const size_t ahead = own + others * turns * CLASS_QUEUE_TURN_TOKENS;
    return ahead < c->tokens ? ahead : c->tokens;
}

int64_t class_queue_oldest_ns(const class_queue *c)
{
    int64_t oldest_ns = INT64_MAX;
    const client_flow *flow = c->turn;
    while (flow != NULL) {
        const int64_t first_ns = flow->waiting.first->submitted_ns;
        oldest_ns = first_ns < oldest_ns ? first_ns : oldest_ns;
        flow = flow->next != c->turn ? flow->next : NULL;
    }
    return oldest_ns;
}
