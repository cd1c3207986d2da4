#include "server/handlers.h"

#include "base/clock.h"
#include "base/json_text.h"

#include <string.h>

#define MAX_HEALTH_BYTES 1024
#define MAX_MODELS_BYTES ((size_t)1 << 20)
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

/* The default and the pinned models, which have to be there. */
typedef struct kept_look {
    bool ready;
    bool first; /* the next one is the default */
    bool loaded, gpu;
    breaker_state breaker; /* of the default */
    buf *body;             /* for a list of all models; NULL = none */
} kept_look;

static bool is_right(served_model *model)
{
    return scheduler_breaker_state(served_model_scheduler(model)) != BREAKER_OPEN &&
           probe_last(served_model_probe(model)) == PROBE_RIGHT;
}

static void look_at_default(kept_look *look, const model_view *view)
{
    look->first = false;
    look->loaded = view->model != NULL;
    if (view->model == NULL)
        return;
    scheduler *work = served_model_scheduler(view->model);
    look->breaker = scheduler_breaker_state(work);
    look->gpu = scheduler_primary(work) == SCHEDULER_LEVEL_GPU && look->breaker != BREAKER_OPEN;
}

static void list(kept_look *look, const model_view *view, bool right)
{
    buf_append_string(look->body, look->first ? "{\"name\":" : ",{\"name\":");
    json_text_append_string(look->body, view->name);
    buf_printf(look->body, ",\"phase\":\"%s\",\"right\":%s", model_phase_name(view->phase),
               right ? "true" : "false");
    if (view->failure != NULL) {
        buf_append_string(look->body, ",\"failure\":");
        json_text_append_visible(look->body, view->failure, strlen(view->failure));
    }
    buf_append_char(look->body, '}');
}

static void look_at(void *cookie, const model_view *view)
{
    kept_look *look = cookie;
    const bool right = view->model != NULL && is_right(view->model);
    look->ready = look->ready && (right || !view->kept);
    if (look->body != NULL)
        list(look, view, right);
    if (look->first)
        look_at_default(look, view);
}

static bool is_ready(const server *s, kept_look *look)
{
    look->ready = look->first = true;
    look->breaker = BREAKER_CLOSED;
    model_set_look(s->models, look_at, look);
    return look->ready && server_phase_now(s) == SERVER_READY && watchdog_alive(s->watchdog) &&
           watchdog_memory_fits(s->watchdog);
}

bool health_is_ready(const server *s)
{
    kept_look look = {.body = NULL};
    return is_ready(s, &look);
}

/* The details have a list of the models where there are several. */
void health_ready(exchange *x)
{
    const server *s = x->owner;
    static const char *const states[] = {
        [BREAKER_CLOSED] = "Closed", [BREAKER_HALF_OPEN] = "HalfOpen", [BREAKER_OPEN] = "Open"};
    buf body, models;
    buf_init(&models, MAX_MODELS_BYTES);
    buf_init(&body, MAX_HEALTH_BYTES + MAX_MODELS_BYTES);
    kept_look look = {.body = model_set_count(s->models) > 1 ? &models : NULL};
    const bool ready = is_ready(s, &look);
    buf_printf(&body,
               "{\"status\":\"%s\",\"details\":{\"model_loaded\":%s,\"gpu_available\":%s,"
               "\"circuit_breaker_state\":\"%s\",\"memory_usage_mb\":%zu,\"uptime_seconds\":%lld",
               ready ? "ready" : "not_ready", look.loaded ? "true" : "false", look.gpu ? "true" : "false",
               states[look.breaker], watchdog_memory_bytes(s->watchdog) / MEGABYTE,
               (long long)((clock_monotonic_ns() - s->started_ns) / NS_PER_S));
    if (models.length > 0) {
        buf_append_string(&body, ",\"models\":[");
        buf_append(&body, models.data, models.length);
        buf_append_char(&body, ']');
    }
    buf_append_string(&body, "}}\n");
    buf_free(&models);
    exchange_reply(x, ready ? 200 : 503, &body);
}
