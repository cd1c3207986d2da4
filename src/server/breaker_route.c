#include "server/breaker_route.h"

#define LOG_TARGET "health"
#define MAX_REPLY_BYTES 256

/* name: of the state, as replies have it. */
static void force(exchange *x, breaker_state state, const char *name)
{
    const server *s = x->owner;
    scheduler *work = atomic_load(&s->scheduler);
    if (work == NULL) {
        x->failed = true;
        http_error_set(&x->error, HTTP_ERROR_LOADING, NULL, "the model is still being loaded");
        exchange_fail(x);
        return;
    }
    if (state == BREAKER_CLOSED) {
        scheduler_reset_breakers(work);
        log_write(&s->settings.log, AKI_LOG_INFO, LOG_TARGET, "an operator closed the circuit breakers");
    } else if (!scheduler_force_breaker(work, state)) {
        x->failed = true;
        http_error_set(&x->error, HTTP_ERROR_LAST_DEVICE, NULL,
                       "without this device nobody could be served: no other device is there, or its circuit "
                       "breaker is open");
        exchange_fail(x);
        return;
    } else {
        log_write(
            &s->settings.log, AKI_LOG_WARN, LOG_TARGET,
            "an operator set the circuit breaker of the best device to %s, until POST /admin/breaker/reset",
            breaker_state_name(state));
    }
    buf body;
    buf_init(&body, MAX_REPLY_BYTES);
    buf_printf(&body, "{\"circuit_breaker_state\":\"%s\"}\n", name);
    exchange_reply(x, 200, &body);
}

void breaker_route_reset(exchange *x)
{
    force(x, BREAKER_CLOSED, "Closed");
}

void breaker_route_open(exchange *x)
{
    force(x, BREAKER_FORCED_OPEN, "ForcedOpen");
}

void breaker_route_disable(exchange *x)
{
    force(x, BREAKER_DISABLED, "Disabled");
}

void breaker_route_watch(exchange *x)
{
    force(x, BREAKER_METRICS_ONLY, "MetricsOnly");
}
