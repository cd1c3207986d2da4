#include "serving/model_totals.h"

static void add_class(scheduler_class_stats *to, const scheduler_class_stats *of, bool counters)
{
    to->requests += of->requests;
    to->tokens += of->tokens;
    if (counters)
        return;
    to->waiting_requests += of->waiting_requests;
    to->waiting_tokens += of->waiting_tokens;
    to->oldest_ns = of->oldest_ns > to->oldest_ns ? of->oldest_ns : to->oldest_ns;
    to->in_flight += of->in_flight;
    to->in_flight_limit += of->in_flight_limit;
}

static void add_counters(scheduler_stats *to, const scheduler_stats *of)
{
    to->refused_full += of->refused_full;
    to->refused_wait += of->refused_wait;
    to->refused_limit += of->refused_limit;
    to->expired += of->expired;
    to->cancelled += of->cancelled;
    to->uncomputed += of->uncomputed;
    to->passes += of->passes;
    to->computed_texts += of->computed_texts;
    to->computed_tokens += of->computed_tokens;
    to->equal_texts += of->equal_texts;
    to->cache.hits += of->cache.hits;
    to->cache.misses += of->cache.misses;
    to->cache.insertions += of->cache.insertions;
    to->cache.evictions += of->cache.evictions;
    to->cache.dropped += of->cache.dropped;
    to->prefixes.hits += of->prefixes.hits;
    to->prefixes.misses += of->prefixes.misses;
    to->prefixes.computed += of->prefixes.computed;
    to->prefixes.saved_tokens += of->prefixes.saved_tokens;
    for (size_t i = 0; i < SCHEDULER_LEVEL_COUNT; i++)
        to->fallbacks[i] += of->fallbacks[i];
    to->retries += of->retries;
    to->retries_refused += of->retries_refused;
    to->device_calls_given_up += of->device_calls_given_up;
}

static void add_moment(scheduler_stats *to, const scheduler_stats *of)
{
    to->running_tokens += of->running_tokens;
    to->bytes += of->bytes;
    to->cache.entries += of->cache.entries;
    to->cache.bytes += of->cache.bytes;
    to->prefixes.bytes += of->prefixes.bytes;
    to->prefixes.entries += of->prefixes.entries;
    to->device_calls_out += of->device_calls_out;
    /* Of one worker: that of the slowest model. */
    if (of->tokens_per_second > 0 &&
        (to->tokens_per_second == 0 || of->tokens_per_second < to->tokens_per_second))
        to->tokens_per_second = of->tokens_per_second;
}

static void add_device(scheduler_device *to, const scheduler_device *of, bool counters)
{
    for (size_t from = 0; from < BREAKER_STATE_COUNT; from++)
        for (size_t into = 0; into < BREAKER_STATE_COUNT; into++)
            to->counts.transitions[from][into] += of->counts.transitions[from][into];
    for (size_t i = 0; i < BREAKER_OUTCOME_COUNT; i++)
        to->counts.calls[i] += of->counts.calls[i];
    to->counts.late += of->counts.late;
    to->counts.not_permitted += of->counts.not_permitted;
    to->counts.expired += of->counts.expired;
    to->counts.would_have_opened += of->counts.would_have_opened;
    to->wrong += of->wrong;
    to->name = of->name;
    if (counters)
        return;
    to->counts.probes_in_flight += of->counts.probes_in_flight;
    to->counts.failures_in_window += of->counts.failures_in_window;
    to->state = of->state > to->state ? of->state : to->state;
    to->wait_ms = of->wait_ms > to->wait_ms ? of->wait_ms : to->wait_ms;
}

void model_totals_add(model_totals *to, scheduler *work, bool counters)
{
    scheduler_stats stats;
    scheduler_device device;
    scheduler_read_stats(work, &stats);
    add_class(&to->stats.interactive, &stats.interactive, counters);
    add_class(&to->stats.bulk, &stats.bulk, counters);
    add_counters(&to->stats, &stats);
    if (!counters)
        add_moment(&to->stats, &stats);
    for (size_t i = 0; i < MODEL_TOTALS_DEVICES; i++) {
        if (!scheduler_read_device(work, (scheduler_level)(SCHEDULER_LEVEL_GPU + i), &device))
            continue;
        to->present[i] = true;
        add_device(&to->devices[i], &device, counters);
    }
}
