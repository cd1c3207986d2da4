/* A finished span: what happened, when, in which trace. Made by whoever finishes a request, read by the exporter.
 *
 * Names, attribute keys and SPAN_NAME values are pointers into static storage and are kept as such; SPAN_TEXT values, the
 * trace state and the message are copied with the span, cut at SPAN_TEXT_MAX bytes. */
#ifndef TELEMETRY_SPAN_H
#define TELEMETRY_SPAN_H

#include "telemetry/trace_context.h"

#define SPAN_MAX_ATTRIBUTES 24
#define SPAN_TEXT_MAX 512 /* bytes of one copied text */

/* The numbers are those of OTLP. */
typedef enum span_kind { SPAN_INTERNAL = 1, SPAN_SERVER = 2, SPAN_CLIENT = 3 } span_kind;
typedef enum span_status { SPAN_UNSET = 0, SPAN_OK = 1, SPAN_ERROR = 2 } span_status;

typedef enum span_value {
    SPAN_NAME, /* text in static storage, or at least living until the tracer is closed */
    SPAN_TEXT, /* copied; NULL counts as empty */
    SPAN_INTEGER,
    SPAN_REAL,
    SPAN_BOOLEAN,
} span_value;

typedef struct span_attribute {
    const char *key;
    span_value type;
    uint32_t length; /* of a SPAN_TEXT; filled when it is copied */
    union {
        const char *text;
        int64_t integer;
        double real;
        bool boolean;
    };
} span_attribute;

typedef struct span {
    const char *name;
    uint8_t trace_id[TRACE_ID_BYTES];
    uint8_t span_id[SPAN_ID_BYTES];
    uint8_t parent_id[SPAN_ID_BYTES]; /* all zero = a trace's first span */
    int64_t start_ns, end_ns;         /* CLOCK_MONOTONIC */
    span_kind kind;
    span_status status;
    bool random_trace;       /* the trace id was made at random (TRACE_RANDOM) */
    bool remote_parent;      /* the parent is a span of the caller */
    const char *trace_state; /* the caller's, or NULL */
    const char *message;     /* of SPAN_ERROR, or NULL */
    const span_attribute *attributes;
    /* above SPAN_MAX_ATTRIBUTES or the tracer's limit: the last ones are dropped and counted */
    uint32_t attribute_count;
    uint32_t dropped_attributes; /* filled when the span is copied */
} span;

static inline span_attribute span_name(const char *key, const char *text)
{
    return (span_attribute){.key = key, .type = SPAN_NAME, .text = text};
}

static inline span_attribute span_text(const char *key, const char *text)
{
    return (span_attribute){.key = key, .type = SPAN_TEXT, .text = text};
}

static inline span_attribute span_integer(const char *key, int64_t value)
{
    return (span_attribute){.key = key, .type = SPAN_INTEGER, .integer = value};
}

static inline span_attribute span_real(const char *key, double value)
{
    return (span_attribute){.key = key, .type = SPAN_REAL, .real = value};
}

static inline span_attribute span_boolean(const char *key, bool value)
{
    return (span_attribute){.key = key, .type = SPAN_BOOLEAN, .boolean = value};
}

#endif
