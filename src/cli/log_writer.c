#include "cli/log_writer.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "server/json_text.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES ((size_t)64 << 10)
#define REPLACEMENT "\xEF\xBF\xBD"

struct log_writer {
    pthread_mutex_t lock;
    int descriptor;
    log_format format;
    log_filter filter;
    buf line;
};

/* For people: quotes stay, control characters that would break the line or drive the terminal do not. */
static void append_clean(buf *out, const char *text)
{
    size_t length = strlen(text);
    while (length > 0) {
        size_t good = length;
        bool valid = utf8_valid(text, length, &good);
        for (size_t i = 0; i < good; i++) {
            unsigned char c = (unsigned char)text[i];
            if (c < 0x20 || c == 0x7F)
                buf_printf(out, "\\x%02x", c);
            else
                buf_append_char(out, (char)c);
        }
        text += good;
        length -= good;
        if (!valid) {
            buf_append_string(out, REPLACEMENT);
            text++;
            length--;
        }
    }
}

static void append_timestamp(buf *out, int64_t wall_ns)
{
    time_t seconds = (time_t)(wall_ns / NS_PER_S);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
               utc.tm_hour, utc.tm_min, utc.tm_sec, (int)(wall_ns % NS_PER_S / 1000));
}

void log_line_json(buf *out, int64_t wall_ns, aki_log_level level, const char *target, const char *message)
{
    buf_append_string(out, "{\"timestamp\":\"");
    append_timestamp(out, wall_ns);
    buf_printf(out, "\",\"level\":\"%s\",\"target\":", log_level_name(level));
    json_text_append_string(out, target);
    buf_append_string(out, ",\"fields\":{\"message\":");
    json_text_append_string(out, message);
    buf_append_string(out, "}}\n");
}

void log_line_text(buf *out, int64_t wall_ns, aki_log_level level, const char *target, const char *message)
{
    append_timestamp(out, wall_ns);
    buf_printf(out, " %-5s ", log_level_name(level));
    append_clean(out, target);
    buf_append_string(out, ": ");
    append_clean(out, message);
    buf_append_char(out, '\n');
}

static void write_line(int descriptor, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t done = write(descriptor, data, length);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return;
        data += done;
        length -= (size_t)done;
    }
}

static void on_log(void *cookie, aki_log_level level, const char *target, const char *message)
{
    log_writer *writer = cookie;
    if (!log_filter_passes(&writer->filter, level, target))
        return;
    int64_t now = clock_wall_ns();
    pthread_mutex_lock(&writer->lock);
    buf_clear(&writer->line);
    if (writer->format == LOG_FORMAT_JSON)
        log_line_json(&writer->line, now, level, target, message);
    else
        log_line_text(&writer->line, now, level, target, message);
    if (!writer->line.failed)
        write_line(writer->descriptor, writer->line.data, writer->line.length);
    pthread_mutex_unlock(&writer->lock);
}

log_writer *log_writer_open(int descriptor, log_format format, const log_filter *filter)
{
    log_writer *writer = mem_zalloc(1, sizeof *writer);
    if (writer == NULL)
        return NULL;
    pthread_mutex_init(&writer->lock, NULL);
    writer->descriptor = descriptor;
    writer->format = format;
    writer->filter = *filter;
    buf_init(&writer->line, LINE_MAX_BYTES);
    return writer;
}

void log_writer_close(log_writer *writer)
{
    if (writer == NULL)
        return;
    pthread_mutex_destroy(&writer->lock);
    buf_free(&writer->line);
    mem_free(writer);
}

log_sink log_writer_sink(log_writer *writer)
{
    return (log_sink){.write = on_log, .cookie = writer};
}
