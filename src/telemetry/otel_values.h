/* The values of the OTEL_* variables, read once and checked. The environment is the caller's: it is asked through a
 * function, so that this room reads none and tests bring their own. */
#ifndef TELEMETRY_OTEL_VALUES_H
#define TELEMETRY_OTEL_VALUES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/log.h"
#include "telemetry/otel_table.h"

/* As getenv; the text is read before the next call. */
typedef const char *(*otel_get)(void *cookie, const char *name);

typedef struct otel_value {
    char *text;     /* as given, blanks around it left out; NULL = not given, empty or bad */
    int64_t number; /* of BOOLEAN (0 or 1), NUMBER, CHOICE and SET: given or default */
    double ratio;
} otel_value;

typedef struct otel_values {
    otel_value of[OTEL_TOTAL];
} otel_values;

/* Bad values are named in the log, as warnings. Error: AKI_OUT_OF_MEMORY. Free with otel_values_free, also after a failure. */
AKI_MUST_CHECK aki_status otel_values_read(otel_values *out, otel_get get, void *cookie, const log_sink *log,
                                           aki_error *error);
void otel_values_free(otel_values *values);

/* The given text, or the default; NULL = neither. */
const char *otel_text(const otel_values *values, otel_id id);

/* `specific` where it was given, else `general`. */
otel_id otel_pick(const otel_values *values, otel_id specific, otel_id general);

/* The list form that OTEL_* variables and OTLP headers share: "name=value,name=value" with percent-encoded values. */

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
