/* Requests made by hand, for tests of the queue and its parts: without texts, encoder or threads. */
#ifndef SCHEDULER_REQUESTS_H
#define SCHEDULER_REQUESTS_H

#include "unit.h"

#include "base/memory.h"
#include "scheduler/request.h"

#define REQUESTS_DIMENSION 2

/* `count` sequences of `tokens` tokens each, all different from those of other requests made so far; freed by
 * scheduler_request_free. */
static inline scheduler_request *make_request(scheduler_priority priority, uint64_t client, size_t count,
                                              size_t tokens)
{
    static int32_t next_id;
    scheduler_request *r = mem_zalloc(1, sizeof *r);
    assert_non_null(r);
    r->priority = priority;
    r->client = client;
    r->begin_by_ns = r->deadline_ns = r->expires_ns = INT64_MAX;
    r->texts = r->count = count;
    r->dimension = REQUESTS_DIMENSION;
    r->tokens = r->waiting_tokens = count * tokens;
    r->bytes = 100;
    r->sequences = mem_zalloc(count, sizeof *r->sequences);
    r->text_of = mem_alloc(count, sizeof *r->text_of);
    r->hashes = mem_alloc(count, sizeof *r->hashes);
    r->ids = mem_zalloc(r->tokens, sizeof *r->ids);
    r->vectors = mem_zalloc(count * REQUESTS_DIMENSION, sizeof *r->vectors);
    r->info = mem_zalloc(count, sizeof *r->info);
    for (size_t i = 0; i < count; i++) {
        r->text_of[i] = i;
        r->ids[i * tokens] = ++next_id;
        r->hashes[i] = (uint64_t)next_id;
        r->sequences[i] = (encoder_sequence){
            .ids = r->ids + i * tokens, .count = tokens, .vector = r->vectors + i * REQUESTS_DIMENSION};
    }
    return r;
}

#endif
