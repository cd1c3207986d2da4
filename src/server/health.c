#include "server/health.h"

#include "base/clock.h"

#define MAX_HEALTH_BYTES 1024
#define MEGABYTE 1000000

enum MHD_Result health_live(exchange *x)
{
    const bool alive = watchdog_alive(x->owner->watchdog);
    buf body;
    buf_init(&body, MAX_HEALTH_BYTES);
    buf_printf(&body, "{\"status\":\"%s\",\"details\":null}\n", alive ? "ok" : "stuck");
    return exchange_reply(x, alive ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, &body);
}

bool health_is_ready(const server *s)
{
    return server_phase_now(s) == SERVER_READY && watchdog_alive(s->watchdog) &&
           watchdog_memory_fits(s->watchdog) && probe_last(s->probe) == PROBE_RIGHT;
}

enum MHD_Result health_ready(exchange *x)
{
    const server *s = x->owner;
    const bool ready = health_is_ready(s);
    buf body;
    buf_init(&body, MAX_HEALTH_BYTES);
    buf_printf(&body,
               "{\"status\":\"%s\",\"details\":{\"model_loaded\":%s,\"gpu_available\":false,"
               "\"circuit_breaker_state\":\"Closed\",\"memory_usage_mb\":%zu,\"uptime_seconds\":%lld}}\n",
               ready ? "ready" : "not_ready", atomic_load(&s->scheduler) != NULL ? "true" : "false",
               watchdog_memory_bytes(s->watchdog) / MEGABYTE,
               (long long)((clock_monotonic_ns() - s->started_ns) / NS_PER_S));
    return exchange_reply(x, ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, &body);
}
