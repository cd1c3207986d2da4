#include "telemetry/log_writer.h"

#include "base/clock.h"
#include "base/json_text.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "telemetry/log_queue.h"
#include "telemetry/log_repeats.h"
#include "telemetry/trace_context.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LOG_TARGET "log"
#define LINE_MAX_BYTES ((size_t)64 << 10)
#define QUEUE_MAX_BYTES ((size_t)1 << 20)
/* A level in place of the filter, or the filter. */
#define AS_CONFIGURED (-1)

struct log_writer {
    log_format format;
    log_filter filter;
    atomic_int level;
    log_queue *queue;
    pthread_mutex_t lock; /* of all below */
    log_repeats repeats;
    bool closing; /* windows of repeats end now */
};

static void write_line(const log_writer *writer, const log_event *event, buf *out)
{
    if (writer->format == LOG_FORMAT_JSON)
        log_line_json(out, clock_wall_ns(), event);
    else
        log_line_text(out, clock_wall_ns(), event);
}

static bool wants(void *cookie, aki_log_level level, const char *target)
{
    const log_writer *writer = cookie;
    const int least = atomic_load_explicit(&writer->level, memory_order_relaxed);
    return least == AS_CONFIGURED ? log_filter_passes(&writer->filter, level, target) : (int)level >= least;
}

static bool admits(log_writer *writer, const log_event *event)
{
    if (event->level < AKI_LOG_INFO || event->keep_repeats)
        return true;
    pthread_mutex_lock(&writer->lock);
    const bool admitted = log_repeats_admit(&writer->repeats, event, clock_monotonic_ns());
    pthread_mutex_unlock(&writer->lock);
    return admitted;
}

static void put(log_writer *writer, const log_event *event)
{
    buf line;
    buf_init(&line, LINE_MAX_BYTES);
    write_line(writer, event, &line);
    if (!line.failed)
        log_queue_put(writer->queue, line.data, line.length, event->level == AKI_LOG_ERROR);
    buf_free(&line);
}

static void on_event(void *cookie, const log_event *event)
{
    log_writer *writer = cookie;
    if (wants(writer, event->level, event->target) && admits(writer, event))
        put(writer, event);
}

static void on_log(void *cookie, aki_log_level level, const char *target, const char *message)
{
    on_event(cookie, &(log_event){.level = level, .target = target, .message = message});
}

static void tell_lost(const log_writer *writer, uint64_t lost, buf *out)
{
    const log_field fields[] = {log_integer("lost", (int64_t)lost)};
    write_line(writer,
               &(log_event){.level = AKI_LOG_WARN,
                            .target = LOG_TARGET,
                            .message = "log lines were lost because they could not be written fast enough",
                            .fields = fields,
                            .fields_count = 1},
               out);
}

static void tell_left_out(const log_writer *writer, const log_repeats_kind *kind, buf *out)
{
    char message[sizeof kind->message + 80];
    snprintf(message, sizeof message, "%llu more lines like this one were left out: %s",
             (unsigned long long)kind->left_out, kind->message);
    const log_field fields[] = {log_integer("left_out", (int64_t)kind->left_out)};
    write_line(writer,
               &(log_event){.level = kind->level,
                            .target = kind->target,
                            .message = message,
                            .fields = fields,
                            .fields_count = 1},
               out);
}

/* For the queue's thread. */
static int64_t own_lines(void *cookie, uint64_t lost, buf *out)
{
    log_writer *writer = cookie;
    if (lost > 0)
        tell_lost(writer, lost, out);
    log_repeats_kind kind;
    pthread_mutex_lock(&writer->lock);
    const int64_t now_ns = writer->closing ? INT64_MAX : clock_monotonic_ns();
    while (log_repeats_take_ended(&writer->repeats, now_ns, &kind))
        tell_left_out(writer, &kind, out);
    const int64_t next_ns = log_repeats_next_ns(&writer->repeats);
    pthread_mutex_unlock(&writer->lock);
    return next_ns;
}

log_writer *log_writer_open(int descriptor, log_format format, const log_filter *filter)
{
    log_writer *writer = mem_zalloc(1, sizeof *writer);
    if (writer == NULL)
        return NULL;
    writer->format = format;
    writer->filter = *filter;
    atomic_init(&writer->level, AS_CONFIGURED);
    pthread_mutex_init(&writer->lock, NULL);
    const log_queue_settings settings = {
        .descriptor = descriptor, .max_bytes = QUEUE_MAX_BYTES, .own_lines = own_lines, .cookie = writer};
    writer->queue = log_queue_open(&settings);
    if (writer->queue != NULL)
        return writer;
    log_writer_close(writer);
    return NULL;
}

void log_writer_close(log_writer *writer)
{
    if (writer == NULL)
        return;
    pthread_mutex_lock(&writer->lock);
    writer->closing = true;
    pthread_mutex_unlock(&writer->lock);
    if (!log_queue_close(writer->queue))
        return; /* the queue's thread goes on using it */
    pthread_mutex_destroy(&writer->lock);
    mem_free(writer);
}

log_sink log_writer_sink(log_writer *writer)
{
    return (log_sink){.write = on_log, .emit = on_event, .wants = wants, .cookie = writer};
}

void log_writer_cycle_level(log_writer *writer)
{
    const int now = atomic_load(&writer->level);
    const int next = now == AS_CONFIGURED   ? AKI_LOG_DEBUG
                     : now == AKI_LOG_DEBUG ? AKI_LOG_TRACE
                                            : AS_CONFIGURED;
    atomic_store(&writer->level, next);
    const char *name = next == AS_CONFIGURED ? "as configured" : log_level_name((aki_log_level)next);
    const log_field fields[] = {log_text("log_level", name)};
    put(writer, &(log_event){.level = AKI_LOG_INFO,
                             .target = LOG_TARGET,
                             .message = "the log's level was changed by a signal",
                             .fields = fields,
                             .fields_count = 1});
}

bool log_writer_flush(log_writer *writer, int64_t timeout_ms)
{
    return log_queue_flush(writer->queue, timeout_ms);
}

uint64_t log_writer_dropped(log_writer *writer)
{
    return writer != NULL ? log_queue_dropped(writer->queue) : 0;
}

/* How much of the text is written. */
static size_t bounded_length(const char *text)
{
    size_t length = strnlen(text, LOG_LINE_TEXT_BYTES + 1);
    if (length <= LOG_LINE_TEXT_BYTES)
        return length;
    length = LOG_LINE_TEXT_BYTES;
    for (int back = 0; back < 3 && ((unsigned char)text[length] & 0xC0) == 0x80; back++)
        length--;
    return length;
}

/* For the text form: quotes are not escaped. */
static void append_clean(buf *out, const char *text)
{
    size_t length = bounded_length(text);
    while (length > 0) {
        char piece[VISIBLE_TEXT_BYTES];
        size_t piece_bytes;
        const size_t taken = visible_text_next(text, length, piece, &piece_bytes);
        buf_append(out, piece, piece_bytes);
        text += taken;
        length -= taken;
    }
}

static void append_quoted(buf *out, const char *text)
{
    json_text_append_visible(out, text, bounded_length(text));
}

static void append_timestamp(buf *out, int64_t wall_ns)
{
    time_t seconds = (time_t)(wall_ns / NS_PER_S);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
               utc.tm_hour, utc.tm_min, utc.tm_sec, (int)(wall_ns % NS_PER_S / 1000));
}

/* A number or a switch, the same in both forms. */
static void append_plain(buf *out, const log_field *field)
{
    if (field->kind == LOG_INTEGER)
        buf_printf(out, "%lld", (long long)field->integer);
    else if (field->kind == LOG_BOOLEAN)
        buf_append_string(out, field->boolean ? "true" : "false");
    else if (isfinite(field->real))
        buf_printf(out, "%.3f", field->real);
    else
        buf_append_string(out, "null");
}

static void append_hex(buf *out, const char *before, const uint8_t *bytes, size_t count, const char *after)
{
    char hex[2 * TRACE_ID_BYTES + 1];
    trace_hex(bytes, count, hex);
    buf_printf(out, "%s%s%s", before, hex, after);
}

void log_line_json(buf *out, int64_t wall_ns, const log_event *event)
{
    buf_append_string(out, "{\"timestamp\":\"");
    append_timestamp(out, wall_ns);
    buf_printf(out, "\",\"level\":\"%s\",\"target\":", log_level_name(event->level));
    append_quoted(out, event->target);
    buf_append_string(out, ",\"fields\":{\"message\":");
    append_quoted(out, event->message);
    for (size_t i = 0; i < event->fields_count; i++) {
        const log_field *field = &event->fields[i];
        buf_append_char(out, ',');
        append_quoted(out, field->name);
        buf_append_char(out, ':');
        if (field->kind == LOG_TEXT)
            append_quoted(out, field->text);
        else
            append_plain(out, field);
    }
    buf_append_char(out, '}');
    if (event->span != NULL) {
        buf_append_string(out, ",\"span\":{\"name\":");
        append_quoted(out, event->span);
        buf_append_char(out, '}');
    }
    if (event->request_id != NULL) {
        buf_append_string(out, ",\"request_id\":");
        append_quoted(out, event->request_id);
    }
    if (event->trace_id != NULL) {
        append_hex(out, ",\"trace_id\":\"", event->trace_id, TRACE_ID_BYTES, "\"");
        append_hex(out, ",\"span_id\":\"", event->span_id, SPAN_ID_BYTES, "\"");
    }
    buf_append_string(out, "}\n");
}

void log_line_text(buf *out, int64_t wall_ns, const log_event *event)
{
    append_timestamp(out, wall_ns);
    buf_printf(out, " %-5s ", log_level_name(event->level));
    append_clean(out, event->target);
    buf_append_string(out, ": ");
    append_clean(out, event->message);
    for (size_t i = 0; i < event->fields_count; i++) {
        const log_field *field = &event->fields[i];
        buf_append_char(out, ' ');
        append_clean(out, field->name);
        buf_append_char(out, '=');
        if (field->kind == LOG_TEXT)
            append_quoted(out, field->text);
        else
            append_plain(out, field);
    }
    if (event->request_id != NULL) {
        buf_append_string(out, " request_id=");
        append_clean(out, event->request_id);
    }
    if (event->trace_id != NULL)
        append_hex(out, " trace_id=", event->trace_id, TRACE_ID_BYTES, "");
    buf_append_char(out, '\n');
}
