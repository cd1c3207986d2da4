/* Options of the set of served models and of its health checks. base/option.h explains the rows. */
#ifndef SERVING_OPTION_LIST_H
#define SERVING_OPTION_LIST_H

#include "base/option.h"

#define SERVING_MODELS_OPTIONS(OPTION, SETTING)                                                              \
    OPTION(MODEL_NAME, "model-name", "Service", TEXT, BY_SERVE, .value_name = "NAME",                        \
           .help = "what requests and replies call the model; without it the name given to "                 \
                   "--model, or the folder's last part")                                                     \
    OPTION(MODELS, "models", "Service", PATH, BY_SERVE,                                                      \
           .help = "file with a [section] for each model to serve, which is read again on "                  \
                   "SIGHUP (docs/MODELS-FILE.md); behind those of --model, where that is given")             \
    SETTING(MODELS_MEMORY_MB, "models-memory-mb", "Service", NUMBER, BY_SERVE, size_t, models_memory_bytes,  \
            1000000, .maximum = 100000000, .default_text = "0",                                              \
            .help = "megabytes that all loaded models may take; beyond them the least recently "             \
                    "used one that is idle and not pinned is unloaded; 0 sets no limit")                     \
    OPTION(MODEL_LOADS, "model-loads", "Service", NUMBER, BY_SERVE, .minimum = 1, .maximum = 16,             \
           .default_text = "1", .help = "models that are loaded at once in the background")                  \
    SETTING(MODEL_LOAD_TIMEOUT, "model-load-timeout", "Service", DURATION, BY_SERVE, int64_t,                \
            model_load_timeout_ms, 1, .minimum = 1, .maximum = OPTION_HOUR_MS, .default_text = "60s",        \
            .help = "longest time that a request waits for its model to be loaded; later is 503 "            \
                    "with the code loading, and the load goes on")                                           \
    OPTION(KEEP_ALIVE, "keep-alive", "Service", DURATION, BY_SERVE, .minimum = 1,                            \
           .maximum = 24 * 365 * OPTION_HOUR_MS, .zero_word = "forever", .default_text = "forever",          \
           .help = "time without a request after which a model is unloaded that is neither "                 \
                   "pinned nor the first; with forever none is until its memory is needed")

#define SERVING_HEALTH_OPTIONS(OPTION, SETTING)                                                              \
    SETTING(STUCK_TIMEOUT, "stuck-timeout", "Service", DURATION, BY_SERVE, int64_t, stuck_timeout_ms, 1,     \
            .minimum = 1000, .maximum = OPTION_HOUR_MS, .default_text = "60s",                               \
            .help = "/health/live turns 503 when a worker has not come back from a pass, its own "           \
                    "or one that it helps with, for this long")                                              \
    SETTING(PROBE_INTERVAL, "probe-interval", "Service", DURATION, BY_SERVE, int64_t, probe_interval_ms, 1,  \
            .minimum = 10, .maximum = OPTION_HOUR_MS, .zero_word = "none", .default_text = "5s",             \
            .help = "time between the small inferences whose vectors /health/ready depends on")

#define SERVING_MEMORY_OPTIONS(OPTION, SETTING)                                                              \
    SETTING(MEMORY_LIMIT, "memory-limit", "Limits", BYTES, BY_SERVE, size_t, memory_limit_bytes, 1,          \
            .minimum = OPTION_MIB(16), .maximum = INT64_C(1) << 50, .default_text = "2048MB",                \
            .help = "/health/ready turns 503 while the process uses more memory than this, or "              \
                    "while over 95 % of its control group's limit is taken")

#endif
