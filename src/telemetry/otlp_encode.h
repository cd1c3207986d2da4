/* Requests of the OpenTelemetry protocol, encoded: what is sent, and its outermost layer. */
#ifndef TELEMETRY_OTLP_ENCODE_H
#define TELEMETRY_OTLP_ENCODE_H

#include "base/buf.h"
#include "telemetry/metrics.h"
#include "telemetry/resource.h"
#include "telemetry/span.h"

/* Spans as an ExportTraceServiceRequest of the OpenTelemetry protocol. */
/* Appends the message. wall_offset_ns: what to add to the spans' times. False when out of memory or too large. */
bool otlp_trace_encode(const resource *from, const span *const *spans, size_t count, int64_t wall_offset_ns,
                       buf *out);

/* The registry of metrics as an ExportMetricsServiceRequest of the OpenTelemetry protocol: counters as monotonic sums, gauges,
 * histograms with explicit bounds and exemplars; all cumulative, under the names of the Prometheus formats. An info metric is
 * left out: the resource says what it says. */
/* Appends the message. Times in nanoseconds since 1970: when counting began, and now. *points: how many data points it has.
 * False when out of memory. Thread-safe. */
bool otlp_metrics_encode(metrics *m, const resource *from, int64_t start_ns, int64_t now_ns, buf *out,
                         size_t *points);

/* The outermost layer of a message: gzip (RFC 1952), and gRPC's prefix of a flag and a length. */
/* Replaces what is in `out`; false when out of memory. */
bool otlp_frame(const buf *message, bool grpc, bool gzip, buf *out);

#endif
