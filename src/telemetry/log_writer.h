/* The service's log on stdout: what passes the filter, is not a repeat too many (log_repeats.h), becomes one line
 * (log_line, below) and goes through a queue that never makes a thread wait (log_queue.h). What was left out or lost is said in
 * a line of the target "log". */
#ifndef TELEMETRY_LOG_WRITER_H
#define TELEMETRY_LOG_WRITER_H

#include "base/buf.h"
#include "base/log.h"
#include "telemetry/log_filter.h"

typedef enum log_format { LOG_FORMAT_JSON, LOG_FORMAT_TEXT } log_format;

typedef struct log_writer log_writer;

/* The descriptor stays the caller's. NULL = out of memory or threads. Thread-safe from here on. */
log_writer *log_writer_open(int descriptor, log_format format, const log_filter *filter);
/* Writes what waits, for as long as log_queue_close does. NULL allowed. */
void log_writer_close(log_writer *writer);
log_sink log_writer_sink(log_writer *writer);

/* The next of: the filter as it was given, all of debug, all of trace; and says so in the log. */
void log_writer_cycle_level(log_writer *writer);

/* Waits until the lines so far are written; false when they were not within the time. */
bool log_writer_flush(log_writer *writer, int64_t timeout_ms);

/* Lines that could not be written since the opening. writer NULL: 0. */
uint64_t log_writer_dropped(log_writer *writer);

/* One line of the service's log, as JSON for machines or as text for people.
 *
 *   {"timestamp":"2026-01-31T12:00:00.123456Z","level":"INFO","target":"server","fields":{"message":"...","port":8080},
 *    "span":{"name":"embedding_request"},"request_id":"...","trace_id":"...","span_id":"..."}
 *
 * The members behind "fields" are there where the event has them. Whatever bytes come in, a line is valid UTF-8 and,
 * in the JSON form, valid JSON: bytes that are not UTF-8 become U+FFFD; control characters and the others that
 * base/utf8.h hides are escaped. No text in it is longer than LOG_LINE_TEXT_BYTES. */

/* Longer texts are cut, between characters. */
#define LOG_LINE_TEXT_BYTES 2000

/* Appends one line with its line feed. wall_ns: time since 1970 in UTC. */
void log_line_json(buf *out, int64_t wall_ns, const log_event *event);
void log_line_text(buf *out, int64_t wall_ns, const log_event *event);

#endif
