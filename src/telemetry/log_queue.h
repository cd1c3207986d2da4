/* Log lines on their way to a descriptor: threads put them into a bounded buffer, one thread of the queue writes them.
 *
 * Who puts a line waits for nothing but the copying of other lines: a full disk, a pipe that nobody reads or a slow
 * terminal costs lines, which are counted, and never time. Lines are written in the order in which they were put, whole
 * ones together, at most some milliseconds later. */
#ifndef TELEMETRY_LOG_QUEUE_H
#define TELEMETRY_LOG_QUEUE_H

#include "base/buf.h"

#include <stdint.h>

/* How long closing waits for a descriptor that takes nothing. */
#define LOG_QUEUE_CLOSE_MS 2000

typedef struct log_queue log_queue;

typedef struct log_queue_settings {
    int descriptor;   /* stays the caller's */
    size_t max_bytes; /* of lines that wait */
    /* The queue's thread asks for lines of the owner's own before it writes others. lost: lines dropped since this was
     * last told. Returns when it wants to be asked again at the latest, by the monotonic clock; INT64_MAX = with the next
     * line. NULL = nobody is asked. */
    int64_t (*own_lines)(void *cookie, uint64_t lost, buf *out);
    void *cookie;
} log_queue_settings;

/* NULL = out of memory or threads. */
log_queue *log_queue_open(const log_queue_settings *settings);
/* Writes what waits, for at most LOG_QUEUE_CLOSE_MS, and frees. No thread may put lines any more. False: the queue's thread
 * hangs in the system and was left behind with all that it uses; only the process's end ends it. NULL allowed. */
bool log_queue_close(log_queue *q);

/* line: with its line feed. urgent: to be written at once. */
void log_queue_put(log_queue *q, const char *line, size_t length, bool urgent);
/* Waits until all that was put has been written or dropped; false when the time was over before. */
bool log_queue_flush(log_queue *q, int64_t timeout_ms);
/* Lines dropped since the opening. */
uint64_t log_queue_dropped(log_queue *q);

#endif
