#include "server/request_facts.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

void request_facts_take(request_facts *facts, const scheduler_result *result)
{
    facts->texts = result->count;
    facts->tokens = facts->truncated = 0;
    for (size_t i = 0; i < result->count; i++) {
        facts->tokens += result->info[i].tokens;
        facts->truncated += result->info[i].truncated;
    }
    facts->tokenize_ns = result->tokenize_ns;
    facts->queue_ns = result->queue_ns;
    facts->inference_ns = result->inference_ns;
    facts->times = result->times;
}

void request_facts_quote(request_facts *facts, aki_text text)
{
    size_t length = text.length;
    if (text.data == NULL)
        return;
    if (length > REQUEST_FACTS_TEXT_BYTES) {
        length = REQUEST_FACTS_TEXT_BYTES;
        for (int back = 0; back < 3 && ((unsigned char)text.data[length] & 0xC0) == 0x80; back++)
            length--;
    }
    memcpy(facts->first_text, text.data, length);
    facts->first_text[length] = '\0';
}

static double milliseconds(int64_t ns)
{
    return (double)ns / NS_PER_MS;
}

void request_facts_server_timing(const request_facts *facts, const trace_root *trace, int64_t total_ns,
                                 char out[SERVER_TIMING_BYTES])
{
    int length = snprintf(out, SERVER_TIMING_BYTES,
                          "queue;dur=%.3f, tokenize;dur=%.3f, inference;dur=%.3f, total;dur=%.3f",
                          milliseconds(facts->queue_ns), milliseconds(facts->tokenize_ns),
                          milliseconds(facts->inference_ns), milliseconds(total_ns));
    if (!trace->sampled)
        return;
    char parent[TRACEPARENT_LENGTH + 1];
    traceparent_write(trace->trace_id, trace->span_id,
                      trace->random ? TRACE_SAMPLED | TRACE_RANDOM : TRACE_SAMPLED, parent);
    snprintf(out + length, SERVER_TIMING_BYTES - (size_t)length, ", traceparent;desc=\"%s\"", parent);
}

void access_sampler_init(access_sampler *s, uint64_t per_second)
{
    s->per_second = per_second;
    atomic_init(&s->second, -1);
    atomic_init(&s->taken, 0);
    atomic_init(&s->left_out, 0);
}

bool access_sampler_admit(access_sampler *s, int64_t now_ns, uint64_t *left_out)
{
    int64_t now = now_ns / NS_PER_S, before = atomic_load_explicit(&s->second, memory_order_relaxed);
    if (now > before && atomic_compare_exchange_strong(&s->second, &before, now))
        atomic_store_explicit(&s->taken, 0, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&s->taken, 1, memory_order_relaxed) >= s->per_second) {
        atomic_fetch_add_explicit(&s->left_out, 1, memory_order_relaxed);
        return false;
    }
    *left_out = atomic_exchange_explicit(&s->left_out, 0, memory_order_relaxed);
    return true;
}
