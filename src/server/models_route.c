#include "server/handlers.h"

#include "base/json_text.h"

#define LOG_TARGET "models"
#define MAX_REPLY_BYTES 4096

static void act(exchange *x, const char *verb,
                aki_status (*act_on)(model_set *set, const char *name, aki_error *error))
{
    const server *s = x->owner;
    aki_error error;
    if (s->settings.model_loads == 0) {
        x->failed = true;
        http_error_set(&x->error, HTTP_ERROR_NOT_IMPLEMENTED, NULL, "this service cannot load models");
        exchange_fail(x);
        return;
    }
    const char *name = model_set_name(s->models, x->model);
    if (name == NULL || act_on(s->models, name, &error) != AKI_OK) {
        x->failed = true;
        http_error_set(&x->error, HTTP_ERROR_MODEL_NOT_FOUND, NULL, "there is no model \"%.128s\" here",
                       x->model);
        exchange_fail(x);
        return;
    }
    log_write(&s->settings.log, AKI_LOG_INFO, LOG_TARGET, "an operator asked to %s the model %s", verb, name);
    buf body;
    buf_init(&body, MAX_REPLY_BYTES);
    buf_append_string(&body, "{\"name\":");
    json_text_append_string(&body, name);
    buf_printf(&body, ",\"asked\":\"%s\"}\n", verb);
    exchange_reply(x, 202, &body);
}

void models_route_load(exchange *x)
{
    act(x, "load", model_set_load);
}

void models_route_unload(exchange *x)
{
    act(x, "unload", model_set_unload);
}

void models_route_reload(exchange *x)
{
    act(x, "reload", model_set_reload);
}
