#include "server/server_metrics.h"

#include <math.h>

typedef struct search {
    size_t index;
    double (*of)(const model_view *view);
    double value; /* NaN: the model is not configured, and its series is left out */
} search;

static void look(void *cookie, const model_view *view)
{
    search *wanted = cookie;
    if (view->index == wanted->index)
        wanted->value = wanted->of(view);
}

static double read_of(const server *s, size_t series, double (*of)(const model_view *view))
{
    search wanted = {.index = series, .of = of, .value = NAN};
    model_set_look(s->models, look, &wanted);
    return wanted.value;
}

/* A reader, and what it reads of the view. */
#define READER(name, expression)                                                                             \
    static double of_##name(const model_view *view)                                                          \
    {                                                                                                        \
        return (double)(expression);                                                                         \
    }                                                                                                        \
    static double read_##name(void *cookie, size_t series)                                                   \
    {                                                                                                        \
        return read_of(cookie, series, of_##name);                                                           \
    }

READER(ready, view->phase == MODEL_READY)
READER(requests, view->requests)
READER(bytes, view->bytes)
READER(loads, view->loads)
READER(load_seconds, (double)view->load_ns / NS_PER_S)
READER(failures, view->failures)
READER(waits, view->waits)
READER(evictions, view->evictions)
READER(idle_unloads, view->idle_unloads)

static double read_budget(void *cookie, size_t series)
{
    (void)series;
    return (double)((const server *)cookie)->settings.models_memory_bytes;
}

static double read_memory(void *cookie, size_t series)
{
    (void)series;
    return (double)model_set_bytes(((const server *)cookie)->models);
}

void model_metrics_register(server *s)
{
    metrics *m = s->metrics;
    metrics_read_by(m, METRIC_MODEL_READY, read_ready, s);
    metrics_read_by(m, METRIC_MODEL_REQUESTS, read_requests, s);
    metrics_read_by(m, METRIC_MODEL_RESIDENT_BYTES, read_bytes, s);
    metrics_read_by(m, METRIC_MODEL_LOADS, read_loads, s);
    metrics_read_by(m, METRIC_MODEL_LOAD_SECONDS, read_load_seconds, s);
    metrics_read_by(m, METRIC_MODEL_LOAD_FAILURES, read_failures, s);
    metrics_read_by(m, METRIC_MODEL_LOAD_WAITS, read_waits, s);
    metrics_read_by(m, METRIC_MODEL_EVICTIONS, read_evictions, s);
    metrics_read_by(m, METRIC_MODEL_IDLE_UNLOADS, read_idle_unloads, s);
    metrics_read_by(m, METRIC_MODELS_MEMORY_BUDGET, read_budget, s);
    metrics_read_by(m, METRIC_MODELS_MEMORY, read_memory, s);
}
