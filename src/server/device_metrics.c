#include "server/server_metrics.h"

#include "server/models.h"

_Static_assert(METRIC_BREAKER_STATES == (int)BREAKER_STATE_COUNT, "the labels name every state");

/* False before a model is loaded, and where there is no such device. */
static bool read_device(const server *s, size_t series, scheduler_device *out)
{
    model_totals totals;
    models_read_totals(s, &totals);
    const size_t device =
        (series == METRIC_DEVICE_GPU ? SCHEDULER_LEVEL_GPU : SCHEDULER_LEVEL_CPU) - SCHEDULER_LEVEL_GPU;
    *out = totals.devices[device];
    return totals.present[device];
}

static scheduler_stats stats_of(const server *s)
{
    model_totals totals;
    models_read_totals(s, &totals);
    return totals.stats;
}

static double read_fallback(void *cookie, size_t series)
{
    static const scheduler_level levels[] = {[METRIC_FALLBACK_CPU] = SCHEDULER_LEVEL_CPU,
                                             [METRIC_FALLBACK_CACHE] = SCHEDULER_LEVEL_CACHE,
                                             [METRIC_FALLBACK_NONE] = SCHEDULER_LEVEL_NONE};
    return (double)stats_of(cookie).fallbacks[levels[series]];
}

static double read_calls(void *cookie, size_t series)
{
    scheduler_device of;
    return read_device(cookie, series / BREAKER_OUTCOME_COUNT, &of)
               ? (double)of.counts.calls[series % BREAKER_OUTCOME_COUNT]
               : 0;
}

static double read_given_up(void *cookie, size_t series)
{
    (void)series;
    return (double)stats_of(cookie).device_calls_given_up;
}

static double read_out(void *cookie, size_t series)
{
    (void)series;
    return stats_of(cookie).device_calls_out;
}

static double read_wrong(void *cookie, size_t series)
{
    scheduler_device of;
    return read_device(cookie, series, &of) ? (double)of.wrong : 0;
}

static double read_state(void *cookie, size_t series)
{
    scheduler_device of;
    return read_device(cookie, series, &of) ? (double)of.state : 0;
}

/* Of the best device, in three states: what lets calls through counts as closed. */
static double read_primary_state(void *cookie, size_t series)
{
    (void)series;
    return (double)models_breaker_state(cookie);
}

static double read_transitions(void *cookie, size_t series)
{
    const size_t to = series % BREAKER_STATE_COUNT, rest = series / BREAKER_STATE_COUNT;
    scheduler_device of;
    return read_device(cookie, rest / BREAKER_STATE_COUNT, &of)
               ? (double)of.counts.transitions[rest % BREAKER_STATE_COUNT][to]
               : 0;
}

static double read_refused(void *cookie, size_t series)
{
    scheduler_device of;
    return read_device(cookie, series, &of) ? (double)of.counts.not_permitted : 0;
}

static double read_late(void *cookie, size_t series)
{
    scheduler_device of;
    return read_device(cookie, series, &of) ? (double)of.counts.late : 0;
}

static double read_retries(void *cookie, size_t series)
{
    (void)series;
    return (double)stats_of(cookie).retries;
}

static double read_retries_refused(void *cookie, size_t series)
{
    (void)series;
    return (double)stats_of(cookie).retries_refused;
}

void device_metrics_register(server *s)
{
    metrics *m = s->metrics;
    metrics_read_by(m, METRIC_BREAKER_STATE, read_primary_state, s);
    metrics_read_by(m, METRIC_FALLBACK, read_fallback, s);
    metrics_read_by(m, METRIC_DEVICE_CALLS, read_calls, s);
    metrics_read_by(m, METRIC_DEVICE_GIVEN_UP, read_given_up, s);
    metrics_read_by(m, METRIC_DEVICE_OUT, read_out, s);
    metrics_read_by(m, METRIC_DEVICE_WRONG, read_wrong, s);
    metrics_read_by(m, METRIC_DEVICE_BREAKER, read_state, s);
    metrics_read_by(m, METRIC_BREAKER_TRANSITIONS, read_transitions, s);
    metrics_read_by(m, METRIC_BREAKER_REFUSED, read_refused, s);
    metrics_read_by(m, METRIC_BREAKER_LATE, read_late, s);
    metrics_read_by(m, METRIC_RETRIES, read_retries, s);
    metrics_read_by(m, METRIC_RETRIES_REFUSED, read_retries_refused, s);
}
