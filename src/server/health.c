#include "server/health.h"

#include "base/clock.h"

#define MAX_HEALTH_BYTES 1024
#define MEGABYTE 1000000

bool service_is_live(const void *s)
{
    return watchdog_alive(((const server *)s)->watchdog);
}

bool service_is_ready(const void *s)
{
    return health_is_ready(s);
}

void health_live(exchange *x)
{
    const bool alive = watchdog_alive(x->owner->watchdog);
    buf body;
    buf_init(&body, MAX_HEALTH_BYTES);
    buf_printf(&body, "{\"status\":\"%s\",\"details\":null}\n", alive ? "ok" : "stuck");
    exchange_reply(x, alive ? 200 : 503, &body);
}

static breaker_state state_of_breaker(const server *s)
{
    scheduler *work = atomic_load(&s->scheduler);
    return work != NULL ? scheduler_breaker_state(work) : BREAKER_CLOSED;
}

bool health_is_ready(const server *s)
{
    return state_of_breaker(s) != BREAKER_OPEN && server_phase_now(s) == SERVER_READY &&
           watchdog_alive(s->watchdog) && watchdog_memory_fits(s->watchdog) &&
           probe_last(s->probe) == PROBE_RIGHT;
}

void health_ready(exchange *x)
{
    const server *s = x->owner;
    static const char *const states[] = {
        [BREAKER_CLOSED] = "Closed", [BREAKER_HALF_OPEN] = "HalfOpen", [BREAKER_OPEN] = "Open"};
    const bool ready = health_is_ready(s);
    scheduler *work = atomic_load(&s->scheduler);
    const breaker_state guard = state_of_breaker(s);
    const bool gpu = work != NULL && scheduler_primary(work) == SCHEDULER_LEVEL_GPU && guard != BREAKER_OPEN;
    buf body;
    buf_init(&body, MAX_HEALTH_BYTES);
    buf_printf(&body,
               "{\"status\":\"%s\",\"details\":{\"model_loaded\":%s,\"gpu_available\":%s,"
               "\"circuit_breaker_state\":\"%s\",\"memory_usage_mb\":%zu,\"uptime_seconds\":%lld}}\n",
               ready ? "ready" : "not_ready", work != NULL ? "true" : "false", gpu ? "true" : "false",
               states[guard], watchdog_memory_bytes(s->watchdog) / MEGABYTE,
               (long long)((clock_monotonic_ns() - s->started_ns) / NS_PER_S));
    exchange_reply(x, ready ? 200 : 503, &body);
}
