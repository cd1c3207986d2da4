#include "telemetry/metrics_text.h"

#include "base/accept.h"

#include <string.h>

#define OPENMETRICS_TYPE "application/openmetrics-text"

const char *metrics_content_type(metrics_format format)
{
    return format == METRICS_OPENMETRICS ? OPENMETRICS_TYPE "; version=1.0.0; charset=utf-8"
                                         : "text/plain; version=0.0.4; charset=utf-8";
}

/* OpenMetrics in a version that this writes, or in none said. */
static bool is_openmetrics(const accept_entry *entry)
{
    const char *value;
    if (!accept_is(entry, OPENMETRICS_TYPE))
        return false;
    return !accept_parameter(entry, "version", &value) ||
           ((size_t)(entry->end - value) >= 5 && memcmp(value, "1.0.0", 5) == 0);
}

metrics_format metrics_format_accepted(const char *accept)
{
    static const char *const plain_types[] = {"text/plain", "text/*", "*/*", NULL};
    const double plain = accept_weight(accept, plain_types);
    double open = 0;
    accept_entry entry;
    for (const char *at = accept; accept_next(&at, &entry);)
        if (is_openmetrics(&entry) && entry.weight > open)
            open = entry.weight;
    return open > 0 && open >= plain ? METRICS_OPENMETRICS : METRICS_PROMETHEUS;
}
