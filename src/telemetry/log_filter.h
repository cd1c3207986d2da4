/* Which log lines are wanted: "info", "info,server=debug", "warn,hub=off". The directive with the longest matching
 * target wins; a target also matches what is below it ("hub" matches "hub::download"). */
#ifndef TELEMETRY_LOG_FILTER_H
#define TELEMETRY_LOG_FILTER_H

#include "akidb/embed.h"

#define LOG_FILTER_DIRECTIVES 32
#define LOG_FILTER_TARGET_BYTES 64
#define LOG_FILTER_OFF (AKI_LOG_ERROR + 1)

typedef struct log_directive {
    char target[LOG_FILTER_TARGET_BYTES]; /* "" = every target */
    int level;                            /* least aki_log_level that passes, or LOG_FILTER_OFF */
} log_directive;

typedef struct log_filter {
    log_directive directives[LOG_FILTER_DIRECTIVES];
    size_t count;
} log_filter;

/* False where the text is malformed; the filter is then not to be used. */
bool log_filter_parse(log_filter *filter, const char *text);
bool log_filter_passes(const log_filter *filter, aki_log_level level, const char *target);

/* The check of --log-level (base/option.h). */
bool log_filter_check(const char *text, char *must_be, size_t room);

#endif
