#include "cli/message.h"

#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/* One write per message, so that lines of several processes on one terminal do not mix. */
static void print(const char *kind, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));
static void print(const char *kind, const char *format, va_list arguments)
{
    char line[1400];
    int used = snprintf(line, sizeof line, "akidb-embed: %s", kind);
    int more = vsnprintf(line + used, sizeof line - (size_t)used - 1, format, arguments);
    size_t length = (size_t)used + (more > 0 ? (size_t)more : 0);
    if (length > sizeof line - 2)
        length = sizeof line - 2;
    line[length] = '\n';
    line[length + 1] = '\0';
    fputs(line, stderr);
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
