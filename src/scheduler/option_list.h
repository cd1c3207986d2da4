/* Options of the scheduler: time, batches, queues, the cache of results, slow devices. base/option.h explains the rows. */
#ifndef SCHEDULER_OPTION_LIST_H
#define SCHEDULER_OPTION_LIST_H

#include "base/option.h"

/* Defaults of scheduler_resilience. */
#define SCHEDULER_DEVICE_TIMEOUT_S 2
#define SCHEDULER_CPU_FALLBACK 1
#define SCHEDULER_FALLBACK_CACHE_MB 16

#define SCHEDULER_DEVICE_OPTIONS(OPTION, SETTING)                                                            \
    OPTION(DEVICE_TIMEOUT, "device-timeout", "Devices", DURATION, BY_SERVE, .minimum = 1,                    \
           .maximum = OPTION_HOUR_MS, .default_text = OPTION_QUOTED(SCHEDULER_DEVICE_TIMEOUT_S) "s",         \
           .help = "how long a device beyond the CPU may take for a pass, which is then given "              \
                   "up and counted as its failure")                                                          \
    OPTION(CPU_FALLBACK, "cpu-fallback", "Devices", SWITCH, BY_SERVE,                                        \
           .default_text = SCHEDULER_CPU_FALLBACK ? "true" : "false",                                        \
           .help = "let the CPU compute what the device beyond it cannot")                                   \
    OPTION(FALLBACK_CACHE_MB, "fallback-cache-mb", "Devices", NUMBER, BY_SERVE, .maximum = 1000000,          \
           .default_text = OPTION_QUOTED(SCHEDULER_FALLBACK_CACHE_MB),                                       \
           .help = "megabytes for results that are used only when no device can compute; there "             \
                   "are such where a device beyond the CPU is used and --cache-mb is 0")

#define SCHEDULER_TIME_OPTIONS(OPTION, SETTING)                                                              \
    SETTING(REQUEST_TIMEOUT, "request-timeout", "Service", DURATION, BY_SERVE, int64_t, request_timeout_ms,  \
            1, .minimum = 1, .maximum = OPTION_HOUR_MS, .default_text = "10s",                               \
            .help = "longest time from a request's arrival to the first of its texts being "                 \
                    "computed; later is 504")                                                                \
    SETTING(MAX_REQUEST_TIME, "max-request-time", "Service", DURATION, BY_SERVE, int64_t,                    \
            max_request_time_ms, 1, .maximum = 24 * OPTION_HOUR_MS, .zero_word = "none",                     \
            .default_text = "5m",                                                                            \
            .help = "longest time that the texts of one request may take to be computed; a "                 \
                    "request whose texts take longer by the measured speed is refused at once "              \
                    "with 413")                                                                              \
    SETTING(INFERENCE_TIMEOUT, "inference-timeout", "Service", DURATION, BY_SERVE, int64_t,                  \
            inference_timeout_ms, 1, .maximum = OPTION_HOUR_MS, .zero_word = "none", .default_text = "5s",   \
            .help = "longest time for one pass of the model; after a longer one what is left of "            \
                    "its requests is answered with 504")                                                     \
    SETTING(BATCH_WINDOW_MS, "batch-window-ms", "Service", NUMBER, BY_SERVE, int64_t, batch_window_ms, 1,    \
            .maximum = 1000, .default_text = "0",                                                            \
            .help = "milliseconds that a free worker waits for more texts to compute together; 0 "           \
                    "begins at once, which is best unless power counts")                                     \
    SETTING(CACHE_MB, "cache-mb", "Service", NUMBER, BY_SERVE, size_t, cache_bytes, 1000000,                 \
            .maximum = 1000000, .default_text = "0",                                                         \
            .help = "megabytes of memory to keep the vectors of texts in, so that the same text "            \
                    "is not computed again; 0 keeps none")

#define SCHEDULER_LIMIT_OPTIONS(OPTION, SETTING)                                                             \
    SETTING(MAX_QUEUE_REQUESTS, "max-queue-requests", "Limits", NUMBER, BY_SERVE, size_t,                    \
            max_queue_requests, 1, .minimum = 1, .maximum = 1000000, .default_text = "4096",                 \
            .help = "requests that may wait for a worker; more are refused with 429 and "                    \
                    "Retry-After")                                                                           \
    SETTING(MAX_QUEUE_TOKENS, "max-queue-tokens", "Limits", NUMBER, BY_SERVE, size_t, max_queue_tokens, 1,   \
            .minimum = 1024, .maximum = 1000000000, .default_text = "1000000",                               \
            .help = "tokens that may wait for a worker; more are refused with 429 and Retry-After")          \
    SETTING(MAX_QUEUE_WAIT, "max-queue-wait", "Limits", DURATION, BY_SERVE, int64_t, max_queue_wait_ms, 1,   \
            .maximum = OPTION_HOUR_MS, .zero_word = "none", .default_text = "2s",                            \
            .help = "an interactive request that would wait for longer than this, going by the "             \
                    "measured speed, is refused at once with 429 and Retry-After")                           \
    SETTING(ADAPTIVE_LIMIT, "adaptive-limit", "Limits", SWITCH, BY_SERVE, bool, adaptive_limit, 1,           \
            .default_text = "false",                                                                         \
            .help = "limit the requests in flight of each class, to 20 to 200, by how their "                \
                    "latency develops; more are refused with 429 and Retry-After")

#endif
