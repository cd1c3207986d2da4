/* Readers of the scheduler's counters and of its state. */
#include "scheduler/scheduler.h"

#include "base/clock.h"
#include "scheduler/scheduler_internal.h"

const char *scheduler_level_name(scheduler_level level)
{
    static const char *const names[] = {"none", "gpu", "cpu", "cache"};
    return names[level < SCHEDULER_LEVEL_COUNT ? level : SCHEDULER_LEVEL_NONE];
}

int64_t scheduler_backlog_ms(scheduler *s)
{
    pthread_mutex_lock(s->lock);
    s->gate.sharers = crew_sharers(s->source);
    int64_t ns = admission_duration_ns(&s->gate, queue_tokens(&s->q) + s->running_tokens);
    pthread_mutex_unlock(s->lock);
    return ns / NS_PER_MS;
}

int64_t scheduler_longest_absence_ms(scheduler *s)
{
    return crew_longest_absence_ms(s->workers);
}

static int64_t milliseconds(int64_t ns)
{
    return ns == INT64_MAX ? INT64_MAX : (ns + NS_PER_MS - 1) / NS_PER_MS;
}

scheduler_level scheduler_primary(scheduler *s)
{
    return device_chain_primary(&s->chain);
}

breaker_state scheduler_breaker_state(scheduler *s)
{
    chain_link *link = device_chain_link(&s->chain, device_chain_primary(&s->chain));
    const breaker_state state = breaker_current(&link->guard, breaker_clock_ns());
    switch (state) {
    case BREAKER_OPEN:
    case BREAKER_FORCED_OPEN:
        return BREAKER_OPEN;
    case BREAKER_HALF_OPEN:
        return BREAKER_HALF_OPEN;
    case BREAKER_CLOSED:
    case BREAKER_DISABLED:
    case BREAKER_METRICS_ONLY:
    case BREAKER_STATE_COUNT:
        break;
    }
    return BREAKER_CLOSED;
}

bool scheduler_read_device(scheduler *s, scheduler_level level, scheduler_device *out)
{
    chain_link *link = device_chain_link(&s->chain, level);
    if (link == NULL)
        return false;
    const int64_t now_ns = breaker_clock_ns();
    *out = (scheduler_device){.name = link->name,
                              .state = breaker_current(&link->guard, now_ns),
                              .wait_ms = milliseconds(breaker_wait_ns(&link->guard, now_ns)),
                              .wrong = atomic_load(&link->wrong)};
    breaker_read_counts(&link->guard, now_ns, &out->counts);
    return true;
}

int64_t scheduler_device_wait_ms(scheduler *s)
{
    return milliseconds(device_chain_wait_ns(&s->chain));
}

void scheduler_reset_breakers(scheduler *s)
{
    device_chain_reset(&s->chain);
}

bool scheduler_force_breaker(scheduler *s, breaker_state state)
{
    return device_chain_force(&s->chain, state);
}

static void read_class(scheduler *s, scheduler_priority priority, int64_t now_ns,
                       scheduler_class_stats *stats)
{
    const class_queue *c = queue_class(&s->q, priority);
    const int64_t oldest_ns = class_queue_oldest_ns(c);
    const size_t i = priority - SCHEDULER_PRIORITY_INTERACTIVE;
    stats->in_flight = s->gate.in_flight[i];
    stats->in_flight_limit = s->gate.adaptive ? (size_t)s->gate.limits[i].limit : 0;
    stats->waiting_requests = c->requests;
    stats->waiting_tokens = c->tokens;
    stats->oldest_ns = oldest_ns < now_ns ? now_ns - oldest_ns : 0;
}

void scheduler_read_stats(scheduler *s, scheduler_stats *stats)
{
    pthread_mutex_lock(s->lock);
    const int64_t now_ns = clock_monotonic_ns();
    *stats = s->counters;
    read_class(s, SCHEDULER_PRIORITY_INTERACTIVE, now_ns, &stats->interactive);
    read_class(s, SCHEDULER_PRIORITY_BULK, now_ns, &stats->bulk);
    stats->refused_full = s->gate.refused_full;
    stats->refused_wait = s->gate.refused_wait;
    stats->refused_limit = s->gate.refused_limit;
    stats->expired = s->gate.expired + s->q.expired;
    stats->cancelled = s->q.cancelled;
    stats->running_tokens = s->running_tokens;
    stats->bytes = queue_bytes(&s->q);
    stats->worker_bytes = s->source != NULL ? crew_source_bytes(s->source) : 0;
    stats->tokens_per_second =
        s->gate.rate_ns > 0 ? s->gate.rate_tokens * (double)NS_PER_S / s->gate.rate_ns : 0;
    pthread_mutex_unlock(s->lock);
    stats->retries = atomic_load(&s->chain.retries);
    stats->retries_refused = atomic_load(&s->chain.retries_refused);
    stats->device_calls_given_up = atomic_load(&s->chain.given_up);
    if (s->chain.lane.device != NULL)
        stats->device_calls_out = device_calls_out(s->chain.lane.device);
    if (s->cache != NULL)
        result_cache_read_stats(s->cache, &stats->cache);
    encoder_prefix_stats(s->enc, &stats->prefixes);
}
