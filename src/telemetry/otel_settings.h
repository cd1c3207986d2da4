/* From the OTEL_* variables to the settings of their parts. */
#ifndef TELEMETRY_OTEL_SETTINGS_H
#define TELEMETRY_OTEL_SETTINGS_H

#include "telemetry/otel_values.h"
#include "telemetry/otlp_client.h"
#include "telemetry/span.h"
#include "telemetry/tracer.h"

/* The OpenTelemetry resource: attributes of this process, which stand once in every message. */

typedef struct resource {
    span_attribute *attributes; /* [count]; keys and texts are its own */
    size_t count;
} resource;

/* service.name: `name`, else that of `given`, else "akidb-rest". The rest of `given` (OTEL_RESOURCE_ATTRIBUTES) stands beside
 * what is known of the process (version, instance, host, operating system) and wins over it. False when out of
 * memory. Free with resource_free, also after a failure. */
bool resource_make(resource *out, const char *name, const name_values *given);
void resource_free(resource *r);

/* The text attribute with this key, or NULL. */
const char *resource_text(const resource *r, const char *key);

bool otel_traces_on(const otel_values *values);
bool otel_metrics_on(const otel_values *values);
/* True where a caller's traceparent and tracestate are read. */
bool otel_joins_traces(const otel_values *values);

/* Error: AKI_OUT_OF_MEMORY, AKI_INVALID_ARGUMENT (an endpoint that is no URL). Free with otlp_target_free, also after a failure. */
AKI_MUST_CHECK aki_status otel_target(const otel_values *values, otlp_signal signal, otlp_target *out,
                                      aki_error *error);
/* False when out of memory. Free with resource_free, also after a failure. */
bool otel_resource(const otel_values *values, resource *out);
/* All but the exporter and trust_parent, which stay as they are. */
void otel_tracer_settings(const otel_values *values, tracer_settings *settings);

#endif
