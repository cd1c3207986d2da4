/* The service's log on stdout: one line per event, as JSON for machines or as text for people.
 *
 *   {"timestamp":"2026-01-31T12:00:00.123456Z","level":"INFO","target":"server","fields":{"message":"..."}}
 *
 * Whatever bytes come in, a line is valid UTF-8 and, in the JSON form, valid JSON: bytes that are not UTF-8 become U+FFFD,
 * control characters are escaped. Lines are written with one call each under a lock, so that those of several threads never
 * mix. A reader that has gone away costs the lines, nothing else. */
#ifndef CLI_LOG_WRITER_H
#define CLI_LOG_WRITER_H

#include "base/buf.h"
#include "base/log.h"
#include "cli/log_filter.h"

typedef enum log_format { LOG_FORMAT_JSON, LOG_FORMAT_TEXT } log_format;

typedef struct log_writer log_writer;

/* The descriptor stays the caller's. NULL = out of memory. Thread-safe from here on. */
log_writer *log_writer_open(int descriptor, log_format format, const log_filter *filter);
void log_writer_close(log_writer *writer);
log_sink log_writer_sink(log_writer *writer);

/* Appends one line with its line feed. wall_ns: time since 1970 in UTC. */
void log_line_json(buf *out, int64_t wall_ns, aki_log_level level, const char *target, const char *message);
void log_line_text(buf *out, int64_t wall_ns, aki_log_level level, const char *target, const char *message);

#endif
