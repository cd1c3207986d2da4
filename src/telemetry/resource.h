/* The OpenTelemetry resource: attributes of this process, which stand once in every message. */
#ifndef TELEMETRY_RESOURCE_H
#define TELEMETRY_RESOURCE_H

#include "telemetry/percent.h"
#include "telemetry/span.h"

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

#endif
