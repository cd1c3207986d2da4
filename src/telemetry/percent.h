/* The list form that OTEL_* variables and OTLP headers share: "name=value,name=value" with percent-encoded values. */
#ifndef TELEMETRY_PERCENT_H
#define TELEMETRY_PERCENT_H

#include <stdbool.h>
#include <stddef.h>

/* Decodes `length` bytes into out: [length + 1], NUL-terminated; false when a percent sign is not followed by two hex digits,
 * or a NUL byte would be meant. */
bool percent_decode(const char *text, size_t length, char *out);

typedef struct name_value {
    char *name, *value; /* value: decoded */
} name_value;

typedef struct name_values {
    name_value *items; /* [count] */
    size_t count;
} name_values;

/* Parses a list, blanks around names and values being left out and empty members skipped. False when a member has no equals
 * sign, an empty or damaged name, a damaged encoding, or when out of memory; the list is empty then. Free with
 * name_values_free. */
bool name_values_parse(const char *text, name_values *out);
void name_values_free(name_values *list);

#endif
