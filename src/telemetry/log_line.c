#include "telemetry/log_line.h"

#include "base/clock.h"
#include "base/json_text.h"
#include "base/visible_text.h"
#include "telemetry/trace_context.h"

#include <math.h>
#include <string.h>
#include <time.h>

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
