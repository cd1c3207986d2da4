/* The library's side of logging: hands lines to the callback of the settings, or to nobody. Within the program a sink may
 * also take events: a message with typed fields and the request that it is about. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "akidb/embed.h"

typedef enum log_field_kind { LOG_TEXT, LOG_INTEGER, LOG_REAL, LOG_BOOLEAN } log_field_kind;

typedef struct log_field {
    const char *name; /* of letters, digits and '_' */
    log_field_kind kind;
    union {
        const char *text;
        int64_t integer;
        double real; /* written with three decimals */
        bool boolean;
    };
} log_field;

typedef struct log_event {
    aki_log_level level;
    const char *target, *message;
    /* Events of a target with an equal key are repeats of each other, and too many of them are left out. NULL = the
     * message, numbers apart. */
    const char *repeat_key;
    bool keep_repeats;       /* none of them is left out */
    const log_field *fields; /* [fields_count] */
    size_t fields_count;
    const char *span;        /* name of what was going on; NULL = nothing in particular */
    const char *request_id;  /* NULL = of no request */
    const uint8_t *trace_id; /* [16]; NULL = not traced */
    const uint8_t *span_id;  /* [8]; with trace_id */
} log_event;

typedef struct log_sink {
    aki_log_fn write; /* NULL = silent */
    void *cookie;     /* of all three */
    /* NULL = what events say in their message is all that is taken, by `write`. */
    void (*emit)(void *cookie, const log_event *event);
    /* True where a line would be taken; NULL = always. */
    bool (*wants)(void *cookie, aki_log_level level, const char *target);
} log_sink;

/* sink NULL allowed. Lines over 1,000 bytes are cut. Thread-safe where the callback is. */
void log_write(const log_sink *sink, aki_log_level level, const char *target, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* sink NULL allowed. Everything in the event needs to live during the call only. */
void log_emit(const log_sink *sink, const log_event *event);

/* True where an event would be taken, and is worth building. */
bool log_wants(const log_sink *sink, aki_log_level level, const char *target);

/* "INFO" and the like, static storage. */
const char *log_level_name(aki_log_level level);

static inline log_field log_text(const char *name, const char *text)
{
    return (log_field){.name = name, .kind = LOG_TEXT, .text = text};
}

static inline log_field log_integer(const char *name, int64_t value)
{
    return (log_field){.name = name, .kind = LOG_INTEGER, .integer = value};
}

static inline log_field log_real(const char *name, double value)
{
    return (log_field){.name = name, .kind = LOG_REAL, .real = value};
}

static inline log_field log_boolean(const char *name, bool value)
{
    return (log_field){.name = name, .kind = LOG_BOOLEAN, .boolean = value};
}

#endif
