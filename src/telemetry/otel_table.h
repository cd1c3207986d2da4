/* The OTEL_* variables that this program obeys: one table, from which reading, warnings and docs/TRACING.md come.
 *
 * Names, defaults and rules are OpenTelemetry's (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 * and .../specs/otel/protocol/exporter/): an empty value counts as unset, a bad one is warned of once and counts as unset, what
 * is said for one signal wins over what is said for all. */
#ifndef TELEMETRY_OTEL_TABLE_H
#define TELEMETRY_OTEL_TABLE_H

#include "base/buf.h"

#include <stdint.h>

typedef enum otel_type {
    OTEL_TYPE_TEXT,
    OTEL_TYPE_BOOLEAN, /* "true" in any case; all else is false */
    OTEL_TYPE_NUMBER,  /* whole, minimum .. maximum */
    OTEL_TYPE_RATIO,   /* 0 .. 1 */
    OTEL_TYPE_CHOICE,  /* one of `choices`, which are separated by '|'; the number is its index */
    OTEL_TYPE_SET, /* some of at most 31 `choices`, separated by commas; the number has the bits of their indices */
    OTEL_TYPE_PAIRS, /* name=value,name=value */
} otel_type;

/* An exporter's setting: for all signals, for traces, for metrics. */
#define OTEL_EXPORTER_IDS(SIGNAL)                                                                            \
    OTEL_##SIGNAL##_ENDPOINT, OTEL_##SIGNAL##_PROTOCOL, OTEL_##SIGNAL##_HEADERS, OTEL_##SIGNAL##_TIMEOUT,    \
        OTEL_##SIGNAL##_COMPRESSION, OTEL_##SIGNAL##_INSECURE, OTEL_##SIGNAL##_CERTIFICATE,                  \
        OTEL_##SIGNAL##_CLIENT_CERTIFICATE, OTEL_##SIGNAL##_CLIENT_KEY

typedef enum otel_id {
    OTEL_SDK_DISABLED,
    OTEL_SERVICE_NAME,
    OTEL_RESOURCE_ATTRIBUTES,
    OTEL_PROPAGATORS,
    OTEL_TRACES_EXPORTER,
    OTEL_METRICS_EXPORTER,
    OTEL_LOGS_EXPORTER,
    OTEL_TRACES_SAMPLER,
    OTEL_TRACES_SAMPLER_ARG,
    OTEL_BSP_SCHEDULE_DELAY,
    OTEL_BSP_EXPORT_TIMEOUT,
    OTEL_BSP_MAX_QUEUE_SIZE,
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE,
    OTEL_ATTRIBUTE_COUNT_LIMIT,
    OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT,
    OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT,
    OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT,
    OTEL_METRIC_EXPORT_INTERVAL,
    OTEL_METRIC_EXPORT_TIMEOUT,
    OTEL_METRICS_EXEMPLAR_FILTER,
    OTEL_METRICS_TEMPORALITY,
    OTEL_EXPORTER_IDS(ALL),
    OTEL_EXPORTER_IDS(TRACES),
    OTEL_EXPORTER_IDS(METRICS),
    OTEL_TOTAL
} otel_id;

/* Indices of choices, in the order of the table's texts. */
enum { OTEL_EXPORTER_OTLP, OTEL_EXPORTER_NONE };
enum {
    OTEL_PROPAGATE_TRACECONTEXT = 1 << 0,
    OTEL_PROPAGATE_BAGGAGE = 1 << 1
}; /* "none" is no bit of these */
enum { OTEL_PROTOCOL_GRPC, OTEL_PROTOCOL_HTTP };
enum { OTEL_COMPRESSION_NONE, OTEL_COMPRESSION_GZIP };
enum { OTEL_EXEMPLARS_TRACE_BASED, OTEL_EXEMPLARS_ALWAYS_OFF };

typedef struct otel_row {
    const char *name;
    otel_type type;
    int64_t minimum, maximum;
    const char *choices;
    const char *default_text; /* NULL = none */
    const char *help;
} otel_row;

/* [OTEL_TOTAL] */
extern const otel_row otel_table[];

/* The table as Markdown, for docs/TRACING.md. */
bool otel_table_write(buf *out);

#endif
