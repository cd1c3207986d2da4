#include "telemetry/metrics_text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define OPENMETRICS_TYPE "application/openmetrics-text"

const char *metrics_content_type(metrics_format format)
{
    return format == METRICS_OPENMETRICS ? OPENMETRICS_TYPE "; version=1.0.0; charset=utf-8"
                                         : "text/plain; version=0.0.4; charset=utf-8";
}

/* True when the media range, which ends at `end`, has the parameter name=value; *value is where the value begins. */
static bool find_parameter(const char *range, const char *end, const char *name, const char **value)
{
    const size_t length = strlen(name);
    for (const char *p = memchr(range, ';', (size_t)(end - range)); p != NULL && p < end;
         p = memchr(p, ';', (size_t)(end - p))) {
        p++;
        while (p < end && (*p == ' ' || *p == '\t'))
            p++;
        if ((size_t)(end - p) > length && strncasecmp(p, name, length) == 0 && p[length] == '=') {
            *value = p + length + 1;
            return true;
        }
    }
    return false;
}

static double weight_of(const char *range, const char *end)
{
    const char *value;
    if (!find_parameter(range, end, "q", &value))
        return 1;
    char *stop;
    double weight = strtod(value, &stop);
    return stop != value && weight >= 0 && weight <= 1 ? weight : 0;
}

/* OpenMetrics in a version that this writes, or in none said. */
static bool is_openmetrics(const char *range, const char *end)
{
    const size_t length = strlen(OPENMETRICS_TYPE);
    const char *value;
    if ((size_t)(end - range) < length || strncasecmp(range, OPENMETRICS_TYPE, length) != 0 ||
        (range + length < end && strchr(" \t;", range[length]) == NULL))
        return false;
    return !find_parameter(range, end, "version", &value) ||
           ((size_t)(end - value) >= 5 && memcmp(value, "1.0.0", 5) == 0);
}

/* Media types that get the Prometheus format. */
static bool is_plain(const char *range, const char *end)
{
    static const char *const types[] = {"text/plain", "text/*", "*/*"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        const size_t length = strlen(types[i]);
        if ((size_t)(end - range) >= length && strncasecmp(range, types[i], length) == 0 &&
            (range + length == end || strchr(" \t;", range[length]) != NULL))
            return true;
    }
    return false;
}

metrics_format metrics_format_accepted(const char *accept)
{
    double open = 0, plain = 0;
    while (accept != NULL && *accept != '\0') {
        accept += strspn(accept, " \t,");
        const char *end = accept + strcspn(accept, ",");
        const double weight = weight_of(accept, end);
        if (is_openmetrics(accept, end) && weight > open)
            open = weight;
        else if (is_plain(accept, end) && weight > plain)
            plain = weight;
        accept = end;
    }
    return open > 0 && open >= plain ? METRICS_OPENMETRICS : METRICS_PROMETHEUS;
}
