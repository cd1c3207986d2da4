/* The registry of metrics as an ExportMetricsServiceRequest of the OpenTelemetry protocol: counters as monotonic sums, gauges,
 * histograms with explicit bounds and exemplars; all cumulative, under the names of the Prometheus formats. An info metric is
 * left out: the resource says what it says. */
#ifndef TELEMETRY_OTLP_METRICS_H
#define TELEMETRY_OTLP_METRICS_H

#include "base/buf.h"
#include "telemetry/metrics.h"
#include "telemetry/resource.h"

/* Appends the message. Times in nanoseconds since 1970: when counting began, and now. *points: how many data points it has.
 * False when out of memory. Thread-safe. */
bool otlp_metrics_encode(metrics *m, const resource *from, int64_t start_ns, int64_t now_ns, buf *out,
                         size_t *points);

#endif
