#include "cli/message.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/* Escapes a message, which may quote names and texts from outside; its own line ends stay. Returns the bytes written;
 * the message is cut where there is no more room. */
static size_t make_visible(const char *text, size_t length, char *out, size_t room)
{
    size_t used = 0;
    while (length > 0 && used + VISIBLE_TEXT_BYTES <= room) {
        size_t piece_bytes = 1, taken = 1;
        if (text[0] == '\n')
            out[used] = '\n';
        else
            taken = visible_text_next(text, length, out + used, &piece_bytes);
        used += piece_bytes;
        text += taken;
        length -= taken;
    }
    return used;
}

/* One write per message, so that lines of several processes on one terminal do not mix. */
static void print(const char *kind, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));
static void print(const char *kind, const char *format, va_list arguments)
{
    char text[1400], line[2 * sizeof text];
    int used = snprintf(text, sizeof text, "akidb-embed: %s", kind);
    int more = vsnprintf(text + used, sizeof text - (size_t)used, format, arguments);
    size_t length = (size_t)used + (more > 0 ? (size_t)more : 0);
    if (length > sizeof text - 1)
        length = sizeof text - 1;
    length = make_visible(text, length, line, sizeof line - 1);
    line[length] = '\n';
    fwrite(line, 1, length + 1, stderr);
    fflush(stderr);
}

static void print_line(const char *kind, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void print_line(const char *kind, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print(kind, format, arguments);
    va_end(arguments);
}

void message_error(const aki_error *error)
{
    print_line("", "error[%s]: %s%s%s", aki_status_name(error->status), error->message,
               error->hint[0] != '\0' ? "\nhint: " : "", error->hint);
}

void message_warning(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print("warning: ", format, arguments);
    va_end(arguments);
}

void message_note(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print("", format, arguments);
    va_end(arguments);
}

static void on_log(void *cookie, aki_log_level level, const char *target, const char *message)
{
    (void)cookie;
    if (level >= AKI_LOG_WARN)
        message_warning("%s: %s", target, message);
}

log_sink message_log_sink(void)
{
    return (log_sink){.write = on_log};
}
