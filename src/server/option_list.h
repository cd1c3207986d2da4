/* Options of the service as a whole (draining, the admin port, pages, the request log), and the lists of all rooms that the service is
 * made of. base/option.h explains the rows. */
#ifndef SERVER_OPTION_LIST_H
#define SERVER_OPTION_LIST_H

#include "api/option_list.h"
#include "base/option.h"
#include "engine/option_list.h"
#include "http/option_list.h"
#include "resilience/option_list.h"
#include "scheduler/option_list.h"
#include "serving/option_list.h"
#include "telemetry/option_list.h"

#define SERVER_LIFE_OPTIONS(OPTION, SETTING)                                                                 \
    SETTING(DRAIN_DELAY, "drain-delay", "Service", DURATION, BY_SERVE, int64_t, drain_delay_ms, 1,           \
            .maximum = OPTION_HOUR_MS, .default_text = "0s",                                                 \
            .help = "on SIGTERM or SIGINT, how long new connections are still taken while "                  \
                    "/health/ready is 503 already, so that proxies notice; 5s on Kubernetes")                \
    SETTING(DRAIN_TIMEOUT, "drain-timeout", "Service", DURATION, BY_SERVE, int64_t, drain_timeout_ms, 1,     \
            .maximum = OPTION_HOUR_MS, .default_text = "15s",                                                \
            .help = "on SIGTERM or SIGINT, longest time from the closing of the port to the end: "           \
                    "requests in flight are finished, then telemetry is sent")                               \
    SETTING(ADMIN_PORT, "admin-port", "Service", NUMBER, BY_SERVE, uint16_t, admin_port, 1,                  \
            .maximum = 65535,                                                                                \
            .help = "TCP port of its own for health, metrics and administration, without TLS and "           \
                    "API keys; 0 takes any free one; without it there is none")                              \
    OPTION(ADMIN_HOST, "admin-host", "Service", TEXT, BY_SERVE, .default_text = "127.0.0.1",                 \
           .value_name = "ADDRESS", .help = "address or name that --admin-port listens on")

#define SERVER_PAGES_OPTIONS(OPTION, SETTING)                                                                \
    SETTING(UI, "ui", "Access", SWITCH, BY_SERVE, bool, has_pages, 1, .default_text = "true",                \
            .help = "serve the pages for people: / in a browser, /docs, /ui and /ui/live")

#define SERVER_LOG_OPTIONS(OPTION, SETTING)                                                                  \
    SETTING(ACCESS_LOG_RATE, "access-log-rate", "Logging", NUMBER, BY_SERVE, uint64_t, access_log_rate, 1,   \
            .maximum = 1000000, .default_text = "100",                                                       \
            .help = "lines about answered requests per second at most; the next line says how "              \
                    "many were left out. 0 leaves all of them out")                                          \
    SETTING(SLOW_REQUEST, "slow-request", "Logging", DURATION, BY_SERVE, int64_t, slow_request_ms, 1,        \
            .maximum = OPTION_HOUR_MS, .zero_word = "none", .default_text = "1s",                            \
            .help = "embedding requests that take longer are logged as a warning")                           \
    SETTING(LOG_TEXTS, "log-texts", "Logging", SWITCH, BY_SERVE, bool, log_texts, 1,                         \
            .default_text = "false",                                                                         \
            .help = "log the beginning of each request's first text; texts may be private")

/* Options of `serve`, in the order of --help; those of ENGINE_DEVICE_OPTIONS are also of `doctor`. */
#define SERVICE_OPTIONS(OPTION, SETTING)                                                                     \
    ENGINE_DEVICE_OPTIONS(OPTION, SETTING)                                                                   \
    SCHEDULER_DEVICE_OPTIONS(OPTION, SETTING)                                                                \
    RESILIENCE_OPTIONS(OPTION, SETTING)                                                                      \
    HTTP_ADDRESS_OPTIONS(OPTION, SETTING)                                                                    \
    SERVING_MODELS_OPTIONS(OPTION, SETTING)                                                                  \
    SCHEDULER_TIME_OPTIONS(OPTION, SETTING)                                                                  \
    HTTP_TIME_OPTIONS(OPTION, SETTING)                                                                       \
    SERVER_LIFE_OPTIONS(OPTION, SETTING)                                                                     \
    SERVING_HEALTH_OPTIONS(OPTION, SETTING)                                                                  \
    HTTP_THREAD_OPTIONS(OPTION, SETTING)                                                                     \
    HTTP_ACCESS_OPTIONS(OPTION, SETTING)                                                                     \
    SERVER_PAGES_OPTIONS(OPTION, SETTING)                                                                    \
    HTTP_VERSION_OPTIONS(OPTION, SETTING)                                                                    \
    API_DIALECT_OPTIONS(OPTION, SETTING)                                                                     \
    API_LIMIT_OPTIONS(OPTION, SETTING)                                                                       \
    HTTP_LIMIT_OPTIONS(OPTION, SETTING)                                                                      \
    SCHEDULER_LIMIT_OPTIONS(OPTION, SETTING)                                                                 \
    SERVING_MEMORY_OPTIONS(OPTION, SETTING)                                                                  \
    TELEMETRY_LOG_OPTIONS(OPTION, SETTING)                                                                   \
    SERVER_LOG_OPTIONS(OPTION, SETTING)                                                                      \
    TELEMETRY_TRACE_OPTIONS(OPTION, SETTING)

#endif
