#include "telemetry/telemetry.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/thread.h"
#include "telemetry/otel_settings.h"
#include "telemetry/otlp_message.h"

#define LOG_TARGET "telemetry"

struct telemetry {
    otel_values values;
    log_sink log;
    resource from;
    otlp_target targets[OTLP_SIGNALS];
    otlp_exporter *exporter;
    tracer *traces;
    metrics_push *push;
};

/* The way to the collector of a signal. False when its settings make no sense, which is logged: the service runs without. */
static bool find_target(telemetry *t, otlp_signal signal)
{
    aki_error error;
    if (otel_target(&t->values, signal, &t->targets[signal], &error) == AKI_OK)
        return true;
    log_write(&t->log, AKI_LOG_WARN, LOG_TARGET, "%s are not exported: %s %s",
              signal == OTLP_TRACES ? "traces" : "metrics", error.message, error.hint);
    return false;
}

static otlp_sender_settings sender_of(telemetry *t, otlp_signal signal)
{
    otlp_sender_settings settings;
    otlp_sender_settings_init(&settings);
    settings.target = &t->targets[signal];
    settings.log = t->log;
    return settings;
}

static aki_status open_traces(telemetry *t, bool trust_parent, aki_error *error)
{
    tracer_settings settings;
    const otlp_sender_settings sender = sender_of(t, OTLP_TRACES);
    aki_status status = otlp_exporter_open(&t->exporter, &sender, &t->from, error);
    if (status != AKI_OK)
        return status;
    tracer_settings_init(&settings);
    otel_tracer_settings(&t->values, &settings);
    settings.trust_parent = trust_parent;
    settings.exporter = otlp_exporter_of(t->exporter);
    status = tracer_open(&t->traces, &settings, error);
    if (status == AKI_OK)
        log_write(&t->log, AKI_LOG_DEBUG, LOG_TARGET, "traces go to %s by %s", t->targets[OTLP_TRACES].url,
                  t->targets[OTLP_TRACES].grpc ? "gRPC" : "HTTP");
    return status;
}

aki_status telemetry_open(telemetry **out, const telemetry_settings *settings, aki_error *error)
{
    *out = NULL;
    telemetry *t = mem_zalloc(1, sizeof *t);
    if (t == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for telemetry");
    t->log = settings->log;
    aki_status status = otel_values_read(&t->values, settings->get, settings->cookie, &t->log, error);
    if (status == AKI_OK && !otel_resource(&t->values, &t->from))
        status = error_set(error, AKI_OUT_OF_MEMORY, "no memory for telemetry");
    if (status == AKI_OK && otel_traces_on(&t->values) && find_target(t, OTLP_TRACES))
        status = open_traces(t, settings->trust_parent, error);
    if (status != AKI_OK) {
        telemetry_close(t);
        return status;
    }
    *out = t;
    return AKI_OK;
}

tracer *telemetry_tracer(telemetry *t)
{
    return t->traces;
}

bool telemetry_joins_traces(const telemetry *t)
{
    return otel_joins_traces(&t->values);
}

bool telemetry_keeps_exemplars(const telemetry *t)
{
    return t->values.of[OTEL_METRICS_EXEMPLAR_FILTER].number == OTEL_EXEMPLARS_TRACE_BASED;
}

static double read_exported(void *cookie, size_t series)
{
    const telemetry *t = cookie;
    tracer_counts counts;
    (void)series;
    tracer_read_counts(t->traces, &counts);
    return (double)counts.exported;
}

static double read_dropped(void *cookie, size_t series)
{
    const telemetry *t = cookie;
    tracer_counts counts;
    tracer_read_counts(t->traces, &counts);
    switch ((metric_span_drop)series) {
    case METRIC_SPAN_QUEUE_FULL:
        return (double)counts.dropped_queue_full;
    case METRIC_SPAN_EXPORT_FAILED:
        return (double)counts.dropped_failed;
    case METRIC_SPAN_REJECTED:
        break;
    }
    return (double)counts.dropped_rejected;
}

aki_status telemetry_watch(telemetry *t, metrics *registry, aki_error *error)
{
    metrics_read_by(registry, METRIC_SPANS_EXPORTED, read_exported, t);
    metrics_read_by(registry, METRIC_SPANS_DROPPED, read_dropped, t);
    if (!otel_metrics_on(&t->values) || !find_target(t, OTLP_METRICS))
        return AKI_OK;
    const metrics_push_settings settings = {
        .registry = registry,
        .from = &t->from,
        .sender = sender_of(t, OTLP_METRICS),
        .interval_ms = t->values.of[OTEL_METRIC_EXPORT_INTERVAL].number,
        .timeout_ms = t->values.of[OTEL_METRIC_EXPORT_TIMEOUT].number,
    };
    return metrics_push_open(&t->push, &settings, error);
}

void telemetry_finish(telemetry *t, int64_t flush_ms)
{
    if (t == NULL)
        return;
    const int64_t until_ns = clock_monotonic_ns() + flush_ms * NS_PER_MS;
    tracer_finish(t->traces, flush_ms);
    const int64_t left_ms = (until_ns - clock_monotonic_ns()) / NS_PER_MS;
    metrics_push_close(t->push, left_ms > 0 ? left_ms : 0);
    t->push = NULL;
}

void telemetry_close(telemetry *t)
{
    if (t == NULL)
        return;
    telemetry_finish(t, 0);
    tracer_close(t->traces, 0);
    otlp_exporter_close(t->exporter);
    for (size_t i = 0; i < OTLP_SIGNALS; i++)
        otlp_target_free(&t->targets[i]);
    resource_free(&t->from);
    otel_values_free(&t->values);
    mem_free(t);
}

struct otlp_exporter {
    otlp_sender *sender;
    const resource *from;
    buf message;
};

aki_status otlp_exporter_open(otlp_exporter **out, const otlp_sender_settings *settings, const resource *from,
                              aki_error *error)
{
    *out = NULL;
    otlp_exporter *e = mem_zalloc(1, sizeof *e);
    if (e == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for traces");
    e->from = from;
    buf_init(&e->message, OTLP_MESSAGE_MAX_BYTES);
    otlp_sender_settings own = *settings;
    own.noun = "spans";
    aki_status status = otlp_sender_open(&e->sender, &own, error);
    if (status != AKI_OK) {
        otlp_exporter_close(e);
        return status;
    }
    *out = e;
    return AKI_OK;
}

void otlp_exporter_close(otlp_exporter *e)
{
    if (e == NULL)
        return;
    otlp_sender_close(e->sender);
    buf_free(&e->message);
    mem_free(e);
}

static export_result export_spans(void *cookie, const span *const *spans, size_t count,
                                  int64_t wall_offset_ns, int64_t deadline_ns)
{
    otlp_exporter *e = cookie;
    size_t rejected;
    buf_clear(&e->message);
    if (!otlp_trace_encode(e->from, spans, count, wall_offset_ns, &e->message) ||
        !otlp_sender_send(e->sender, &e->message, count, deadline_ns, &rejected))
        return (export_result){.failed = count};
    return (export_result){.exported = count - rejected, .rejected = rejected};
}

static void hurry(void *cookie, int64_t deadline_ns)
{
    otlp_exporter *e = cookie;
    otlp_sender_hurry(e->sender, deadline_ns);
}

static bool listens(void *cookie, int64_t deadline_ns)
{
    otlp_exporter *e = cookie;
    return otlp_sender_listens(e->sender, deadline_ns);
}

span_exporter otlp_exporter_of(otlp_exporter *e)
{
    return (span_exporter){.export = export_spans, .hurry = hurry, .listens = listens, .cookie = e};
}

struct metrics_push {
    metrics_push_settings settings;
    otlp_sender *sender;
    buf message;
    int64_t start_ns; /* wall clock */
    pthread_t thread;
    bool started;
    sem_t end;
    _Atomic int64_t end_deadline_ns;
};

static void push(metrics_push *p, int64_t deadline_ns)
{
    size_t points, rejected;
    buf_clear(&p->message);
    if (otlp_metrics_encode(p->settings.registry, p->settings.from, p->start_ns, clock_wall_ns(), &p->message,
                            &points))
        (void)otlp_sender_send(p->sender, &p->message, points, deadline_ns, &rejected);
}

/* False once the end has come. */
static bool wait_until(metrics_push *p, int64_t until_ns)
{
    const struct timespec deadline = {.tv_sec = until_ns / NS_PER_S, .tv_nsec = until_ns % NS_PER_S};
    while (sem_clockwait(&p->end, CLOCK_MONOTONIC, &deadline) != 0)
        if (errno == ETIMEDOUT)
            return true;
    return false;
}

static void *run(void *argument)
{
    metrics_push *p = argument;
    thread_defer();
    const int64_t interval_ns = p->settings.interval_ms * NS_PER_MS;
    while (wait_until(p, clock_monotonic_ns() + interval_ns))
        push(p, clock_monotonic_ns() + p->settings.timeout_ms * NS_PER_MS);
    push(p, atomic_load(&p->end_deadline_ns));
    return NULL;
}

aki_status metrics_push_open(metrics_push **out, const metrics_push_settings *settings, aki_error *error)
{
    *out = NULL;
    metrics_push *p = mem_zalloc(1, sizeof *p);
    if (p == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for exporting metrics");
    p->settings = *settings;
    p->settings.sender.noun = "data points";
    p->start_ns = clock_wall_ns();
    sem_init(&p->end, 0, 0);
    buf_init(&p->message, OTLP_MESSAGE_MAX_BYTES);
    aki_status status = otlp_sender_open(&p->sender, &p->settings.sender, error);
    if (status == AKI_OK) {
        p->started = thread_start(&p->thread, run, p, "metrics-export");
        if (!p->started)
            status =
                error_set_errno(error, AKI_INTERNAL, errno, "cannot start the thread that exports metrics");
    }
    if (status != AKI_OK) {
        metrics_push_close(p, 0);
        return status;
    }
    *out = p;
    return AKI_OK;
}

void metrics_push_close(metrics_push *p, int64_t flush_ms)
{
    if (p == NULL)
        return;
    if (p->started) {
        const int64_t deadline_ns = clock_monotonic_ns() + flush_ms * NS_PER_MS;
        atomic_store(&p->end_deadline_ns, deadline_ns);
        otlp_sender_hurry(p->sender, deadline_ns);
        sem_post(&p->end);
        pthread_join(p->thread, NULL);
    }
    otlp_sender_close(p->sender);
    buf_free(&p->message);
    sem_destroy(&p->end);
    mem_free(p);
}
