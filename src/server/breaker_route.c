#include "server/handlers.h"

#include "server/models.h"

#define LOG_TARGET "health"
#define MAX_REPLY_BYTES 256

typedef struct forcing {
    breaker_state state;
    unsigned models, forced;
} forcing;

static void force_one(void *cookie, scheduler *work)
{
    forcing *f = cookie;
    f->models++;
    if (f->state == BREAKER_CLOSED)
        scheduler_reset_breakers(work);
    else
        f->forced += scheduler_force_breaker(work, f->state);
}

static void refuse(exchange *x, http_error_code code, const char *message)
{
    x->failed = true;
    http_error_set(&x->error, code, NULL, "%s", message);
    exchange_fail(x);
}

/* Of all loaded models. name: of the state, as replies have it. */
static void force(exchange *x, breaker_state state, const char *name)
{
    const server *s = x->owner;
    forcing f = {.state = state};
    models_each_scheduler(s, force_one, &f);
    if (f.models == 0) {
        refuse(x, HTTP_ERROR_LOADING, "the model is still being loaded");
        return;
    }
    if (state == BREAKER_CLOSED) {
        log_write(&s->settings.log, AKI_LOG_INFO, LOG_TARGET, "an operator closed the circuit breakers");
    } else if (f.forced == 0) {
        refuse(x, HTTP_ERROR_LAST_DEVICE,
               "without this device nobody could be served: no other device is there, or its circuit "
               "breaker is open");
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
