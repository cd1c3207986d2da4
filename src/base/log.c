#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

bool log_wants(const log_sink *sink, aki_log_level level, const char *target)
{
    return sink != NULL && sink->write != NULL &&
           (sink->wants == NULL || sink->wants(sink->cookie, level, target));
}

void log_write(const log_sink *sink, aki_log_level level, const char *target, const char *format, ...)
{
    if (!log_wants(sink, level, target))
        return;
    char line[1000];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    sink->write(sink->cookie, level, target, line);
}

void log_emit(const log_sink *sink, const log_event *event)
{
    if (!log_wants(sink, event->level, event->target))
        return;
    if (sink->emit != NULL)
        sink->emit(sink->cookie, event);
    else
        sink->write(sink->cookie, event->level, event->target, event->message);
}

const char *log_level_name(aki_log_level level)
{
    static const char *const names[] = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR"};
    return (unsigned)level < sizeof names / sizeof names[0] ? names[level] : "ERROR";
}
