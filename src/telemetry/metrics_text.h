/* The registry as text: Prometheus 0.0.4 and OpenMetrics 1.0.
 *
 * Sources: https://prometheus.io/docs/instrumenting/exposition_formats/ and the OpenMetrics 1.0 specification. */
#ifndef TELEMETRY_METRICS_TEXT_H
#define TELEMETRY_METRICS_TEXT_H

#include "base/buf.h"
#include "telemetry/metrics.h"

typedef enum metrics_format {
    METRICS_PROMETHEUS,
    METRICS_OPENMETRICS, /* with exemplars */
} metrics_format;

/* Which format an Accept header asks for, NULL or anything unknown being Prometheus: the one with the greater weight,
 * OpenMetrics where both are equal. */
metrics_format metrics_format_accepted(const char *accept);
const char *metrics_content_type(metrics_format format);

/* Appends the whole exposition; false when out of memory. Thread-safe. */
bool metrics_write(metrics *m, metrics_format format, buf *out);

/* docs/METRICS.md. */
bool metrics_write_reference(buf *out);

#endif
