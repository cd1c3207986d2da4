/* All that leaves this process towards a collector, put together from the OTEL_* variables: traces, and metrics where they
 * are asked for. Whatever is wrong with a collector or its settings is logged and counted, and nothing else. */
#ifndef TELEMETRY_TELEMETRY_H
#define TELEMETRY_TELEMETRY_H

#include "telemetry/metrics.h"
#include "telemetry/otel_settings.h"
#include "telemetry/otel_values.h"
#include "telemetry/otlp_sender.h"
#include "telemetry/tracer.h"

typedef struct telemetry telemetry;

typedef struct telemetry_settings {
    otel_get get; /* asked during telemetry_open only */
    void *cookie;
    bool trust_parent; /* see tracer_settings */
    log_sink log;
} telemetry_settings;

/* Errors: AKI_OUT_OF_MEMORY, AKI_INTERNAL (no thread). */
AKI_MUST_CHECK aki_status telemetry_open(telemetry **out, const telemetry_settings *settings,
                                         aki_error *error);

/* NULL = traces are off. Lives until telemetry_close. */
tracer *telemetry_tracer(telemetry *t);
/* True where callers' traceparent and tracestate are read. */
bool telemetry_joins_traces(const telemetry *t);
/* True where histograms shall keep the ids of sampled requests. */
bool telemetry_keeps_exemplars(const telemetry *t);

/* Lets the registry tell what became of spans, before its first scrape, and begins to send it where OTEL_METRICS_EXPORTER says
 * so. The registry must live until telemetry_finish. Errors as telemetry_open. */
AKI_MUST_CHECK aki_status telemetry_watch(telemetry *t, metrics *registry, aki_error *error);

/* Sends what is queued, spans first, then the last metrics. Takes at most flush_ms in all, and a second more where a
 * connection hangs. NULL allowed. */
void telemetry_finish(telemetry *t, int64_t flush_ms);
/* No thread may use the tracer any more. NULL allowed. */
void telemetry_close(telemetry *t);

/* Ties a tracer to a collector: batches of spans are encoded and sent. */

typedef struct otlp_exporter otlp_exporter;

/* settings->target and `from` must outlive the exporter; settings->noun is set here. Errors as otlp_sender_open. */
AKI_MUST_CHECK aki_status otlp_exporter_open(otlp_exporter **out, const otlp_sender_settings *settings,
                                             const resource *from, aki_error *error);
/* After the tracer that uses it. NULL allowed. */
void otlp_exporter_close(otlp_exporter *exporter);

span_exporter otlp_exporter_of(otlp_exporter *exporter);

/* Sends the registry of metrics to a collector at regular times, in a thread of its own, and once more at the end. */

typedef struct metrics_push metrics_push;

typedef struct metrics_push_settings {
    metrics *registry;
    const resource *from;
    otlp_sender_settings sender; /* noun is set here */
    int64_t interval_ms, timeout_ms;
} metrics_push_settings;

/* Whatever the settings point to must outlive it. Errors: as otlp_sender_open, AKI_INTERNAL (no thread). */
AKI_MUST_CHECK aki_status metrics_push_open(metrics_push **out, const metrics_push_settings *settings,
                                            aki_error *error);
/* The last export may take flush_ms. NULL allowed. */
void metrics_push_close(metrics_push *push, int64_t flush_ms);

#endif
