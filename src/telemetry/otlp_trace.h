/* Spans as an ExportTraceServiceRequest of the OpenTelemetry protocol. */
#ifndef TELEMETRY_OTLP_TRACE_H
#define TELEMETRY_OTLP_TRACE_H

#include "base/buf.h"
#include "telemetry/resource.h"
#include "telemetry/span.h"

/* Appends the message. wall_offset_ns: what to add to the spans' times. False when out of memory or too large. */
bool otlp_trace_encode(const resource *from, const span *const *spans, size_t count, int64_t wall_offset_ns,
                       buf *out);

#endif
