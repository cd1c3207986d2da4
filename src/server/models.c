#include "server/models.h"

#include "base/cpus.h"
#include "base/error.h"
#include "engine/crew.h"
#include "server/server_metrics.h"
#include "serving/served_model.h"

#include <stdio.h>
#include <string.h>

/* Memory of token ids and vectors of requests that wait or are computed. */
#define QUEUE_BYTES ((size_t)256 << 20)

static unsigned workers_of(const server *s)
{
    return s->settings.workers > 0 ? s->settings.workers : cpus_available();
}

/* One for all models; the first that is opened says whether its threads are tied to CPUs, as their common options do. */
static aki_status open_crew(server *s, const encoder *enc, aki_error *error)
{
    aki_model_info info;
    encoder_describe(enc, &info);
    const crew_settings settings = {.threads = workers_of(s),
                                    .pinned = info.threads_pinned,
                                    .name = SCHEDULER_THREAD_NAME,
                                    .log = s->settings.log};
    pthread_mutex_lock(&s->lock);
    aki_status status = s->crew == NULL ? crew_open(&s->crew, &settings, error) : AKI_OK;
    pthread_mutex_unlock(&s->lock);
    return status;
}

/* The crew is open. */
static served_settings settings_of(server *s)
{
    const server_settings *of = &s->settings;
    return (served_settings){
        .scheduler = {.on_pass = server_metrics_on_pass,
                      .on_pass_cookie = s,
                      .crew = s->crew,
                      .workers = workers_of(s),
                      .max_queue_requests = of->max_queue_requests,
                      .max_queue_tokens = of->max_queue_tokens,
                      .max_queue_bytes = QUEUE_BYTES,
                      .max_queue_wait_ms = of->max_queue_wait_ms,
                      .request_timeout_ms = of->request_timeout_ms,
                      .max_request_time_ms = of->max_request_time_ms,
                      .inference_timeout_ms = of->inference_timeout_ms,
                      .batch_window_ms = of->batch_window_ms,
                      .cache_bytes = of->cache_bytes,
                      .resilience = &of->resilience,
                      .adaptive_limit = of->adaptive_limit,
                      .log = of->log},
        .is_published = of->weights_are_published,
        .cookie = of->cookie,
    };
}

/* ---- The driver of the set ------------------------------------------------------------------------------------------ */

static aki_status find_model(void *cookie, const model_spec *spec, char **folder, model_guess *guess,
                             aki_error *error)
{
    const server *s = cookie;
    if (s->settings.find_model == NULL)
        return error_set(error, AKI_INTERNAL, "the server was opened without a way to load models");
    return s->settings.find_model(s->settings.cookie, spec, folder, guess, error);
}

void models_note_load(server *s, int64_t duration_ns)
{
    metrics_observe(metrics_shard(s->metrics), METRIC_MODEL_LOAD_DURATION, 0, (double)duration_ns / NS_PER_S,
                    NULL);
}

static aki_status open_model(void *cookie, const model_spec *spec, const char *folder, served_model **out,
                             encoder_memory *memory, aki_error *error)
{
    server *s = cookie;
    encoder *enc = NULL;
    const int64_t start_ns = clock_monotonic_ns();
    aki_status status = s->settings.open_model(s->settings.cookie, spec, folder, &enc, error);
    models_note_load(s, clock_monotonic_ns() - start_ns);
    if (status != AKI_OK)
        return status;
    status = open_crew(s, enc, error);
    if (status == AKI_OK) {
        const served_settings settings = settings_of(s);
        status = served_model_open(out, enc, true, folder, &settings, error);
    }
    if (status != AKI_OK) {
        encoder_close(enc);
        return status;
    }
    *memory = *served_model_memory(*out);
    watchdog_look_at_memory(s->watchdog);
    if (strcmp(spec->name, model_set_default_name(s->models)) != 0)
        return AKI_OK;
    status = server_metrics_describe(s, enc, error);
    if (status != AKI_OK)
        served_model_close(*out);
    return status;
}

static void close_model(void *cookie, served_model *model)
{
    const server *s = cookie;
    served_model_close(model);
    watchdog_look_at_memory(s->watchdog);
}

static void retire_model(void *cookie, served_model *model)
{
    server *s = cookie;
    model_totals_add(&s->retired, served_model_scheduler(model), true);
}

static void stop_model(void *cookie, served_model *model)
{
    (void)cookie;
    served_model_stop(model);
}

/* ---- Opening --------------------------------------------------------------------------------------------------------- */

static void name_series(void *cookie, const model_view *view)
{
    server *s = cookie;
    metrics_set_name(s->metrics, METRIC_MODELS, view->index, view->name);
}

aki_status models_configure(server *s, const model_spec *specs, size_t count, aki_error *error)
{
    aki_status status = model_set_configure(s->models, specs, count, error);
    if (status == AKI_OK)
        model_set_look(s->models, name_series, s);
    return status;
}

aki_status models_open(server *s, aki_error *error)
{
    const server_settings *of = &s->settings;
    const model_set_settings settings = {.driver = {.find = find_model,
                                                    .open = open_model,
                                                    .close = close_model,
                                                    .retire = retire_model,
                                                    .stop = stop_model,
                                                    .cookie = s},
                                         .budget_bytes = of->models_memory_bytes,
                                         .loads = of->model_loads,
                                         .log = of->log};
    aki_status status = model_set_open(&s->models, &settings, error);
    if (status != AKI_OK || of->models_count > 0)
        return status == AKI_OK ? models_configure(s, of->models, of->models_count, error) : status;
    const model_spec only = {
        .name = of->model_name, .source = of->model_name, .keep_alive_ms = MODEL_KEEP_FOREVER};
    return models_configure(s, &only, 1, error);
}

aki_status models_attach(server *s, encoder *enc, bool owned, const char *folder, aki_error *error)
{
    served_model *model = NULL;
    aki_status status = server_metrics_describe(s, enc, error);
    if (status == AKI_OK)
        status = open_crew(s, enc, error);
    if (status != AKI_OK)
        return status;
    const served_settings settings = settings_of(s);
    status = served_model_open(&model, enc, owned, folder, &settings, error);
    if (status != AKI_OK)
        return status;
    status = model_set_attach(s->models, model, served_model_memory(model), error);
    if (status != AKI_OK) {
        served_model_close(model);
        return status;
    }
    watchdog_look_at_memory(s->watchdog);
    return AKI_OK;
}

/* ---- Looking at all of them ------------------------------------------------------------------------------------------ */

typedef struct target_look {
    void (*see)(void *cookie, watch_target *target);
    void *cookie;
} target_look;

static void see_target(void *cookie, served_model *model)
{
    const target_look *look = cookie;
    look->see(look->cookie, served_model_target(model));
}

void models_each_target(void *cookie, void (*see)(void *see_cookie, watch_target *target), void *see_cookie)
{
    const server *s = cookie;
    target_look look = {see, see_cookie};
    model_set_each(s->models, see_target, &look);
}

typedef struct scheduler_look {
    void (*see)(void *cookie, scheduler *work);
    void *cookie;
} scheduler_look;

static void see_scheduler(void *cookie, served_model *model)
{
    const scheduler_look *look = cookie;
    look->see(look->cookie, served_model_scheduler(model));
}

void models_default_scheduler(const server *s, void (*see)(void *cookie, scheduler *work), void *cookie)
{
    scheduler_look look = {see, cookie};
    model_set_default(s->models, see_scheduler, &look);
}

void models_each_scheduler(const server *s, void (*see)(void *cookie, scheduler *work), void *cookie)
{
    scheduler_look look = {see, cookie};
    model_set_each(s->models, see_scheduler, &look);
}

typedef struct totals_look {
    const server *s;
    model_totals *out;
} totals_look;

static void begin_totals(void *cookie)
{
    const totals_look *look = cookie;
    *look->out = look->s->retired;
}

static void add_totals(void *cookie, served_model *model)
{
    const totals_look *look = cookie;
    model_totals_add(look->out, served_model_scheduler(model), false);
}

void models_read_totals(const server *s, model_totals *out)
{
    totals_look look = {s, out};
    model_set_sum(s->models, begin_totals, add_totals, &look);
}

static void worse(void *cookie, scheduler *work)
{
    /* By badness, not by number. */
    static const int badness[BREAKER_STATE_COUNT] = {[BREAKER_HALF_OPEN] = 1, [BREAKER_OPEN] = 2};
    breaker_state *worst = cookie;
    const breaker_state state = scheduler_breaker_state(work);
    if (badness[state] > badness[*worst])
        *worst = state;
}

breaker_state models_breaker_state(const server *s)
{
    breaker_state worst = BREAKER_CLOSED;
    models_each_scheduler(s, worse, &worst);
    return worst;
}

/* ---- For lists -------------------------------------------------------------------------------------------------------- */

typedef struct listing {
    const server *s;
    api_listed *out;
    size_t room, count;
    int64_t now_ns, now_s;
} listing;

static int64_t wall_of(const listing *l, int64_t ns)
{
    return ns == 0 || ns == INT64_MAX ? 0 : l->now_s + (ns - l->now_ns) / NS_PER_S;
}

static void copy_prompts(const encoder *enc, char prompts[API_PROMPTS_BYTES])
{
    const char *name;
    aki_text text;
    size_t used = 0;
    for (size_t i = 0; encoder_prompt(enc, i, &name, &text); i++) {
        const size_t length = strlen(name) + 1;
        if (length == 1 || length >= API_PROMPTS_BYTES - used)
            continue;
        memcpy(prompts + used, name, length);
        used += length;
    }
    prompts[used] = '\0';
}

static void list_one(void *cookie, const model_view *view)
{
    listing *l = cookie;
    if (l->count++ >= l->room)
        return;
    api_listed *m = &l->out[l->count - 1];
    *m = (api_listed){.name = view->name,
                      .phase = model_phase_name(view->phase),
                      .by_default = l->count == 1,
                      .stays = view->kept,
                      .bytes = view->bytes,
                      .requests = view->requests,
                      .last_use_s = wall_of(l, view->last_use_ns),
                      .expires_s = view->kept ? 0 : wall_of(l, view->idle_until_ns)};
    if (view->failure != NULL)
        snprintf(m->failure, sizeof m->failure, "%s", view->failure);
    if (view->model == NULL)
        return;
    const encoder *enc = served_model_encoder(view->model);
    aki_model_info info;
    encoder_describe(enc, &info);
    m->loaded = true;
    m->kind = api_kind(enc);
    m->architecture = info.architecture;
    m->precision = info.precision;
    m->dimension = encoder_dimension(enc);
    m->max_tokens = encoder_max_tokens(enc);
    m->weight_bytes = info.weight_bytes;
    copy_prompts(enc, m->prompts);
}

size_t models_list(void *cookie, api_listed *out, size_t room)
{
    const server *s = cookie;
    listing l = {.s = s,
                 .out = out,
                 .room = room,
                 .now_ns = clock_monotonic_ns(),
                 .now_s = clock_wall_ns() / NS_PER_S};
    model_set_look(s->models, list_one, &l);
    return l.count < room ? l.count : room;
}
