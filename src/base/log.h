/* The library's side of logging: hands lines to the callback of the settings, or to nobody. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "akidb/embed.h"

typedef struct log_sink {
    aki_log_fn write; /* NULL = silent */
    void *cookie;
} log_sink;

/* sink NULL allowed. Lines over 1,000 bytes are cut. Thread-safe where the callback is. */
void log_write(const log_sink *sink, aki_log_level level, const char *target, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* "INFO" and the like, static storage. */
const char *log_level_name(aki_log_level level);

#endif
