#include "server/breaker_route.h"

#define LOG_TARGET "health"
#define MAX_REPLY_BYTES 256

enum MHD_Result breaker_route_reset(exchange *x)
{
    const server *s = x->owner;
    scheduler *work = atomic_load(&s->scheduler);
    if (work == NULL) {
        x->failed = true;
        http_error_set(&x->error, HTTP_ERROR_LOADING, NULL, "the model is still being loaded");
        return exchange_fail(x);
    }
    scheduler_reset_breakers(work);
    log_write(&s->settings.log, AKI_LOG_INFO, LOG_TARGET, "an operator closed the circuit breakers");
    buf body;
    buf_init(&body, MAX_REPLY_BYTES);
    buf_append_string(&body, "{\"circuit_breaker_state\":\"Closed\"}\n");
    return exchange_reply(x, MHD_HTTP_OK, &body);
}
