/* Options of logging and tracing; OTEL_* variables are in telemetry/otel_table.c. base/option.h explains the rows. */
#ifndef TELEMETRY_OPTION_LIST_H
#define TELEMETRY_OPTION_LIST_H

#include "base/option.h"
#include "telemetry/log_filter.h"

#define TELEMETRY_LOG_OPTIONS(OPTION, SETTING)                                                               \
    OPTION(LOG, "log-level", "Logging", TEXT, BY_SERVE, .other_variable = "RUST_LOG",                        \
           .default_text = "info", .value_name = "FILTER", .check = log_filter_check,                        \
           .help = "least level that is logged: trace, debug, info, warn, error or off; also "               \
                   "per target, as in info,server=debug")                                                    \
    OPTION(LOG_FORMAT, "log-format", "Logging", CHOICE, BY_SERVE, .choices = "auto|json|text",               \
           .default_text = "auto",                                                                           \
           .help = "form of the log lines on stdout; auto is text on a terminal, else json")

#define TELEMETRY_TRACE_OPTIONS(OPTION, SETTING)                                                             \
    OPTION(TRACE_TRUST_PARENT, "trace-trust-parent", "Tracing", SWITCH, BY_SERVE, .default_text = "true",    \
           .help = "let a caller's sampling flag decide whether its request is recorded; where "             \
                   "callers are not trusted, --no-trace-trust-parent joins their traces and "                \
                   "decides here. All else about traces comes from the OTEL_* variables of "                 \
                   "docs/TRACING.md")

#endif
