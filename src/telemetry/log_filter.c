#include "telemetry/log_filter.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool read_level(const char *text, size_t length, int *level)
{
    static const char *const names[] = {"trace", "debug", "info", "warn", "error", "off"};
    for (int i = 0; i <= LOG_FILTER_OFF; i++) {
        if (strlen(names[i]) == length && strncasecmp(text, names[i], length) == 0) {
            *level = i;
            return true;
        }
    }
    return false;
}

static bool read_directive(const char *text, size_t length, log_directive *directive)
{
    const char *equals = memchr(text, '=', length);
    size_t target_length = equals != NULL ? (size_t)(equals - text) : 0;
    if (equals == NULL && read_level(text, length, &directive->level)) {
        directive->target[0] = '\0';
        return true;
    }
    if (equals == NULL) { /* a target alone: all of it */
        target_length = length;
        directive->level = AKI_LOG_TRACE;
    } else if (!read_level(equals + 1, length - target_length - 1, &directive->level)) {
        return false;
    }
    if (target_length == 0 || target_length >= LOG_FILTER_TARGET_BYTES)
        return false;
    for (size_t i = 0; i < target_length; i++)
        if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-:.", text[i]) == NULL)
            return false;
    memcpy(directive->target, text, target_length);
    directive->target[target_length] = '\0';
    return true;
}

bool log_filter_parse(log_filter *filter, const char *text)
{
    filter->count = 0;
    while (true) {
        text += strspn(text, " ");
        size_t length = strcspn(text, ",");
        size_t used = length;
        while (used > 0 && text[used - 1] == ' ')
            used--;
        if (filter->count == LOG_FILTER_DIRECTIVES ||
            !read_directive(text, used, &filter->directives[filter->count]))
            return false;
        filter->count++;
        if (text[length] == '\0')
            return true;
        text += length + 1;
    }
}

static bool matches(const char *directive, size_t length, const char *target)
{
    return length == 0 || (strncmp(directive, target, length) == 0 && strchr(":./", target[length]) != NULL);
}

bool log_filter_passes(const log_filter *filter, aki_log_level level, const char *target)
{
    int least = LOG_FILTER_OFF;
    size_t best = 0;
    for (size_t i = 0; i < filter->count; i++) {
        const log_directive *directive = &filter->directives[i];
        size_t length = strlen(directive->target);
        if (length >= best && matches(directive->target, length, target)) {
            least = directive->level;
            best = length;
        }
    }
    return (int)level >= least;
}

bool log_filter_check(const char *text, char *must_be, size_t room)
{
    log_filter filter;
    snprintf(must_be, room,
             "a level (trace, debug, info, warn, error, off), or several separated by commas, each may be "
             "target=level");
    return log_filter_parse(&filter, text);
}
