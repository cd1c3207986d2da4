/* One line of the service's log, as JSON for machines or as text for people.
 *
 *   {"timestamp":"2026-01-31T12:00:00.123456Z","level":"INFO","target":"server","fields":{"message":"...","port":8080},
 *    "span":{"name":"embedding_request"},"request_id":"...","trace_id":"...","span_id":"..."}
 *
 * The members behind "fields" are there where the event has them. Whatever bytes come in, a line is valid UTF-8 and,
 * in the JSON form, valid JSON: bytes that are not UTF-8 become U+FFFD; control characters and the others that
 * base/visible_text.h hides are escaped. No text in it is longer than LOG_LINE_TEXT_BYTES. */
#ifndef TELEMETRY_LOG_LINE_H
#define TELEMETRY_LOG_LINE_H

#include "base/buf.h"
#include "base/log.h"

/* Longer texts are cut, between characters. */
#define LOG_LINE_TEXT_BYTES 2000

/* Appends one line with its line feed. wall_ns: time since 1970 in UTC. */
void log_line_json(buf *out, int64_t wall_ns, const log_event *event);
void log_line_text(buf *out, int64_t wall_ns, const log_event *event);

#endif
