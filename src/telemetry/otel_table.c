#include "telemetry/otel_table.h"

#include <string.h>

#define TEXT(name, standard, help)                                                                           \
    {                                                                                                        \
        name, OTEL_TYPE_TEXT, 0, 0, NULL, standard, help                                                     \
    }
#define BOOLEAN(name, standard, help)                                                                        \
    {                                                                                                        \
        name, OTEL_TYPE_BOOLEAN, 0, 0, NULL, standard, help                                                  \
    }
#define NUMBER(name, least, most, standard, help)                                                            \
    {                                                                                                        \
        name, OTEL_TYPE_NUMBER, least, most, NULL, standard, help                                            \
    }
#define CHOICE(name, choices, standard, help)                                                                \
    {                                                                                                        \
        name, OTEL_TYPE_CHOICE, 0, 0, choices, standard, help                                                \
    }
#define SET(name, choices, standard, help)                                                                   \
    {                                                                                                        \
        name, OTEL_TYPE_SET, 0, 0, choices, standard, help                                                   \
    }
#define PAIRS(name, help)                                                                                    \
    {                                                                                                        \
        name, OTEL_TYPE_PAIRS, 0, 0, NULL, NULL, help                                                        \
    }

#define HOUR_MS 3600000
#define SPANS_MAX 65536

/* The nine rows of a signal; WHICH: part of the name, OF: of the help. Only the row for all of them has defaults. */
#define EXPORTER_ROWS(SIGNAL, WHICH, OF, STANDARD, ENDPOINT_HELP, ENDPOINT)                                  \
    [OTEL_##SIGNAL##_ENDPOINT] = TEXT("OTEL_EXPORTER_OTLP_" WHICH "ENDPOINT", ENDPOINT, ENDPOINT_HELP),      \
    [OTEL_##SIGNAL##_PROTOCOL] =                                                                             \
        CHOICE("OTEL_EXPORTER_OTLP_" WHICH "PROTOCOL", "grpc|http/protobuf", STANDARD("grpc"),               \
               "protocol" OF "; without it an endpoint with port 4318 is spoken to by http/protobuf"),       \
    [OTEL_##SIGNAL##_HEADERS] =                                                                              \
        PAIRS("OTEL_EXPORTER_OTLP_" WHICH "HEADERS",                                                         \
              "headers" OF ", name=value with commas between them, percent-encoded"),                        \
    [OTEL_##SIGNAL##_TIMEOUT] = NUMBER("OTEL_EXPORTER_OTLP_" WHICH "TIMEOUT", 1, HOUR_MS, STANDARD("10000"), \
                                       "longest time of one attempt" OF ", in ms"),                          \
    [OTEL_##SIGNAL##_COMPRESSION] =                                                                          \
        CHOICE("OTEL_EXPORTER_OTLP_" WHICH "COMPRESSION", "none|gzip", STANDARD("none"), "compression" OF),  \
    [OTEL_##SIGNAL##_INSECURE] = BOOLEAN("OTEL_EXPORTER_OTLP_" WHICH "INSECURE", STANDARD("false"),          \
                                         "no TLS" OF ", where a gRPC endpoint has no scheme"),               \
    [OTEL_##SIGNAL##_CERTIFICATE] =                                                                          \
        TEXT("OTEL_EXPORTER_OTLP_" WHICH "CERTIFICATE", NULL,                                                \
             "PEM file with the authorities to trust" OF "; without it those of the system"),                \
    [OTEL_##SIGNAL##_CLIENT_CERTIFICATE] = TEXT("OTEL_EXPORTER_OTLP_" WHICH "CLIENT_CERTIFICATE", NULL,      \
                                                "PEM file with this client's certificate" OF),               \
    [OTEL_##SIGNAL##_CLIENT_KEY] =                                                                           \
        TEXT("OTEL_EXPORTER_OTLP_" WHICH "CLIENT_KEY", NULL, "PEM file with this client's key" OF)
#define GIVEN(text) text
#define INHERITED(text) NULL

const otel_row otel_table[] = {
    [OTEL_SDK_DISABLED] = BOOLEAN("OTEL_SDK_DISABLED", "false", "no traces and no OTLP metrics at all"),
    [OTEL_SERVICE_NAME] =
        TEXT("OTEL_SERVICE_NAME", "akidb-rest", "service.name; wins over that of OTEL_RESOURCE_ATTRIBUTES"),
    [OTEL_RESOURCE_ATTRIBUTES] =
        PAIRS("OTEL_RESOURCE_ATTRIBUTES", "further attributes of this process, as name=value,name=value"),
    [OTEL_PROPAGATORS] = SET("OTEL_PROPAGATORS", "tracecontext|baggage|none", "tracecontext,baggage",
                             "headers of callers that are read; without tracecontext no caller's trace is "
                             "joined; baggage is accepted, but nothing uses it"),
    [OTEL_TRACES_EXPORTER] = CHOICE("OTEL_TRACES_EXPORTER", "otlp|none", "otlp", "where traces go"),
    [OTEL_METRICS_EXPORTER] =
        CHOICE("OTEL_METRICS_EXPORTER", "otlp|none", "none",
               "otlp sends metrics to a collector as well; `GET /metrics` has them in any case"),
    [OTEL_LOGS_EXPORTER] = CHOICE("OTEL_LOGS_EXPORTER", "none", "none", "logs go to standard output only"),
    [OTEL_TRACES_SAMPLER] = CHOICE("OTEL_TRACES_SAMPLER",
                                   "always_on|always_off|traceidratio|parentbased_always_on|parentbased_"
                                   "always_off|parentbased_traceidratio",
                                   "parentbased_always_on", "which traces are recorded"),
    [OTEL_TRACES_SAMPLER_ARG] = {"OTEL_TRACES_SAMPLER_ARG", OTEL_TYPE_RATIO, 0, 1, NULL, "1.0",
                                 "share of traces that the samplers named traceidratio record"},
    [OTEL_BSP_SCHEDULE_DELAY] = NUMBER("OTEL_BSP_SCHEDULE_DELAY", 1, HOUR_MS, "5000",
                                       "how long spans wait for a batch to fill, in ms"),
    [OTEL_BSP_EXPORT_TIMEOUT] = NUMBER("OTEL_BSP_EXPORT_TIMEOUT", 1, HOUR_MS, "30000",
                                       "how long a batch is tried to be delivered, in ms"),
    [OTEL_BSP_MAX_QUEUE_SIZE] =
        NUMBER("OTEL_BSP_MAX_QUEUE_SIZE", 1, SPANS_MAX, "2048",
               "spans that each thread may have waiting; more are dropped and counted"),
    [OTEL_BSP_MAX_EXPORT_BATCH_SIZE] = NUMBER("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 1, SPANS_MAX, "512",
                                              "spans in a batch, at most the queue's size"),
    [OTEL_ATTRIBUTE_COUNT_LIMIT] = NUMBER("OTEL_ATTRIBUTE_COUNT_LIMIT", 0, INT32_MAX, "128",
                                          "attributes of a span; there are never more than 24"),
    [OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT] =
        NUMBER("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", 0, INT32_MAX, "512",
               "bytes of an attribute's text, of which more than 512 are never kept"),
    [OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT] =
        NUMBER("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", 0, INT32_MAX, NULL, "wins over OTEL_ATTRIBUTE_COUNT_LIMIT"),
    [OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT] = NUMBER("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", 0, INT32_MAX,
                                                      NULL, "wins over OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"),
    [OTEL_METRIC_EXPORT_INTERVAL] = NUMBER("OTEL_METRIC_EXPORT_INTERVAL", 1, INT64_C(24) * HOUR_MS, "60000",
                                           "time between two exports of metrics, in ms"),
    [OTEL_METRIC_EXPORT_TIMEOUT] = NUMBER("OTEL_METRIC_EXPORT_TIMEOUT", 1, HOUR_MS, "30000",
                                          "how long an export of metrics is tried, in ms"),
    [OTEL_METRICS_EXEMPLAR_FILTER] =
        CHOICE("OTEL_METRICS_EXEMPLAR_FILTER", "trace_based|always_off", "trace_based",
               "whether histograms keep the ids of sampled requests"),
    [OTEL_METRICS_TEMPORALITY] = CHOICE("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "cumulative",
                                        "cumulative", "sums since the start"),
    EXPORTER_ROWS(
        ALL, "", "", GIVEN,
        "where the collector is; for http/protobuf, /v1/traces and /v1/metrics are appended; https means TLS",
        "http://localhost:4317"),
    EXPORTER_ROWS(TRACES, "TRACES_", " of traces", INHERITED,
                  "where traces go; for http/protobuf the whole URL", NULL),
    EXPORTER_ROWS(METRICS, "METRICS_", " of metrics", INHERITED,
                  "where metrics go; for http/protobuf the whole URL", NULL),
};

_Static_assert(sizeof otel_table / sizeof *otel_table == OTEL_TOTAL, "a row for each variable");

static void write_values(buf *out, const otel_row *row)
{
    switch (row->type) {
    case OTEL_TYPE_TEXT:
        buf_append_string(out, "text");
        break;
    case OTEL_TYPE_BOOLEAN:
        buf_append_string(out, "`true`, `false`");
        break;
    case OTEL_TYPE_NUMBER:
        buf_printf(out, "%lld to %lld", (long long)row->minimum, (long long)row->maximum);
        break;
    case OTEL_TYPE_RATIO:
        buf_append_string(out, "0 to 1");
        break;
    case OTEL_TYPE_PAIRS:
        buf_append_string(out, "list");
        break;
    case OTEL_TYPE_CHOICE:
    case OTEL_TYPE_SET:
        for (const char *c = row->choices; *c != '\0';) {
            const size_t length = strcspn(c, "|");
            buf_printf(out, "`%.*s`", (int)length, c);
            c += length + (c[length] == '|');
            buf_append_string(out, *c != '\0' ? ", " : "");
        }
        break;
    }
}

bool otel_table_write(buf *out)
{
    buf_append_string(out, "| variable | values | default | meaning |\n|---|---|---|---|\n");
    for (size_t i = 0; i < OTEL_TOTAL; i++) {
        const otel_row *row = &otel_table[i];
        buf_printf(out, "| `%s` | ", row->name);
        write_values(out, row);
        buf_append_string(out, " | ");
        if (row->default_text != NULL)
            buf_printf(out, "`%s`", row->default_text);
        buf_printf(out, " | %s |\n", row->help);
    }
    return !out->failed;
}
