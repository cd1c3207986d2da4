#include "server/breaker_route.h"

#define LOG_TARGET "health"
#define MAX_REPLY_BYTES 256

/* name: of the state, as replies have it. */
static enum MHD_Result force(exchange *x, breaker_state state, const char *name)
{
    const server *s = x->owner;
    scheduler *work = atomic_load(&s->scheduler);
    if (work == NULL) {
        x->failed = true;
        http_error_set(&x->error, HTTP_ERROR_LOADING, NULL, "the model is still being loaded");
        return exchange_fail(x);
    }
    if (state == BREAKER_CLOSED) {
        scheduler_reset_breakers(work);
        log_write(&s->settings.log, AKI_LOG_INFO, LOG_TARGET, "an operator closed the circuit breakers");
    } else if (!scheduler_force_breaker(work, state)) {
        x->failed = true;
        http_error_set(&x->error, HTTP_ERROR_LAST_DEVICE, NULL,
                       "without this device nobody could be served: no other device is there, or its circuit "
                       "breaker is open");
        return exchange_fail(x);
    } else {
        log_write(
            &s->settings.log, AKI_LOG_WARN, LOG_TARGET,
            "an operator set the circuit breaker of the best device to %s, until POST /admin/breaker/reset",
            breaker_state_name(state));
    }
    buf body;
    buf_init(&body, MAX_REPLY_BYTES);
    buf_printf(&body, "{\"circuit_breaker_state\":\"%s\"}\n", name);
    return exchange_reply(x, MHD_HTTP_OK, &body);
}

enum MHD_Result breaker_route_reset(exchange *x)
{
    return force(x, BREAKER_CLOSED, "Closed");
}

enum MHD_Result breaker_route_open(exchange *x)
{
    return force(x, BREAKER_FORCED_OPEN, "ForcedOpen");
}

enum MHD_Result breaker_route_disable(exchange *x)
{
    return force(x, BREAKER_DISABLED, "Disabled");
}

enum MHD_Result breaker_route_watch(exchange *x)
{
    return force(x, BREAKER_METRICS_ONLY, "MetricsOnly");
}
