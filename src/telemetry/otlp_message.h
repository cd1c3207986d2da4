/* The parts that messages of traces and of metrics share. Everything is built in an arena and refers to what it was built of.
 * For the encoders only: others need no message. */
#ifndef TELEMETRY_OTLP_MESSAGE_H
#define TELEMETRY_OTLP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "telemetry/metrics.h"
#include "telemetry/span.h"
#include "telemetry/otel_settings.h"

/* Memory for many small objects that end together: what a message is built of before it is packed. Failure is sticky, so that
 * a builder may go on with NULLs only where it checks, and asks once at the end. */

typedef struct arena {
    struct arena_block *blocks;
    size_t used, capacity; /* of the first block */
    bool failed;
} arena;

/* Zeroed, aligned for any type; NULL (and failed) when out of memory. An arena begins as {0}. */
void *arena_zalloc(arena *a, size_t count, size_t size);
void arena_free(arena *a);

#define OTLP_MESSAGE_MAX_BYTES ((size_t)64 << 20) /* what receivers take */

struct Otlp__KeyValue;
struct Otlp__Resource;
struct Otlp__InstrumentationScope;
struct ProtobufCMessage;

/* [count] pointers; NULL when the arena failed. A text that is not UTF-8 would spoil the whole message: it is replaced. */
struct Otlp__KeyValue **otlp_attributes(arena *a, const span_attribute *attributes, size_t count);
struct Otlp__Resource *otlp_resource(arena *a, const resource *from);
struct Otlp__InstrumentationScope *otlp_scope(arena *a);

/* Appends the message; false when out of memory or it would be larger than OTLP_MESSAGE_MAX_BYTES. */
bool otlp_pack(const void *message, buf *out);

/* Requests of the OpenTelemetry protocol, encoded: what is sent, and its outermost layer. */

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
