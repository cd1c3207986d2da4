/* The values of the OTEL_* variables, read once and checked. The environment is the caller's: it is asked through a
 * function, so that this room reads none and tests bring their own. */
#ifndef TELEMETRY_OTEL_VALUES_H
#define TELEMETRY_OTEL_VALUES_H

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

#endif
