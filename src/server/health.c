#include "server/health.h"

#include "base/clock.h"
#include "server/memory_usage.h"

#define MAX_HEALTH_BYTES 1024
/* A pass takes well under a second; a worker that has not come back for this long never will. */
#define STUCK_PASS_MS 60000
#define MEGABYTE 1000000

enum MHD_Result health_live(exchange *x)
{
    scheduler *work = atomic_load(&x->owner->scheduler);
    bool stuck = work != NULL && scheduler_longest_pass_ms(work) > STUCK_PASS_MS;
    buf body;
    buf_init(&body, MAX_HEALTH_BYTES);
    buf_printf(&body, "{\"status\":\"%s\",\"details\":null}\n", stuck ? "stuck" : "ok");
    return exchange_reply(x, stuck ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_OK, &body);
}

enum MHD_Result health_ready(exchange *x)
{
    const server *s = x->owner;
    size_t memory = memory_usage_bytes();
    bool ready = server_phase_now(s) == SERVER_READY && memory <= s->settings.memory_limit_bytes;
    buf body;
    buf_init(&body, MAX_HEALTH_BYTES);
    buf_printf(&body,
               "{\"status\":\"%s\",\"details\":{\"model_loaded\":%s,\"gpu_available\":false,"
               "\"circuit_breaker_state\":\"Closed\",\"memory_usage_mb\":%zu,\"uptime_seconds\":%lld}}\n",
               ready ? "ready" : "not_ready", atomic_load(&s->scheduler) != NULL ? "true" : "false",
               memory / MEGABYTE, (long long)((clock_monotonic_ns() - s->started_ns) / NS_PER_S));
    return exchange_reply(x, ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, &body);
}
