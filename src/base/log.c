#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

void log_write(const log_sink *sink, aki_log_level level, const char *target, const char *format, ...)
{
    if (sink == NULL || sink->write == NULL)
        return;
    char line[1000];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    sink->write(sink->cookie, level, target, line);
}

const char *log_level_name(aki_log_level level)
{
    static const char *const names[] = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR"};
    return (unsigned)level < sizeof names / sizeof names[0] ? names[level] : "ERROR";
}
