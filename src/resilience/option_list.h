/* Options of circuit breakers and retries. base/option.h explains the rows. */
#ifndef RESILIENCE_OPTION_LIST_H
#define RESILIENCE_OPTION_LIST_H

#include "base/option.h"
#include "resilience/breaker.h"
#include "resilience/retry.h"

#define RESILIENCE_OPTIONS(OPTION, SETTING)                                                                  \
    OPTION(BREAKER_FAILURES, "breaker-failures", "Devices", NUMBER, BY_SERVE, .minimum = 1,                  \
           .maximum = FAILURE_WINDOW_MAX, .default_text = OPTION_QUOTED(BREAKER_DEFAULT_FAILURES),           \
           .help = "failures of a device within the window that open its circuit breaker")                   \
    OPTION(BREAKER_WINDOW, "breaker-window", "Devices", DURATION, BY_SERVE, .minimum = 1,                    \
           .maximum = OPTION_HOUR_MS, .default_text = OPTION_QUOTED(BREAKER_DEFAULT_WINDOW_S) "s",           \
           .help = "how long a failure counts")                                                              \
    OPTION(BREAKER_COOLDOWN, "breaker-cooldown", "Devices", DURATION, BY_SERVE, .minimum = 1,                \
           .maximum = OPTION_HOUR_MS, .default_text = OPTION_QUOTED(BREAKER_DEFAULT_COOLDOWN_S) "s",         \
           .help = "how long an open circuit breaker keeps the device from being called")                    \
    OPTION(BREAKER_COOLDOWN_MAX, "breaker-cooldown-max", "Devices", DURATION, BY_SERVE,                      \
           .maximum = 24 * OPTION_HOUR_MS, .default_text = "0s",                                             \
           .help = "each failed probe doubles the cooldown, up to this; 0s leaves it as it is")              \
    OPTION(BREAKER_COOLDOWN_JITTER, "breaker-cooldown-jitter", "Devices", NUMBER, BY_SERVE,                  \
           .maximum = BREAKER_JITTER_MAX_PERCENT, .default_text = "0",                                       \
           .help = "per cent by which a cooldown is longer or shorter, drawn at random, so that "            \
                   "many instances do not probe at once")                                                    \
    OPTION(BREAKER_SUCCESSES, "breaker-successes", "Devices", NUMBER, BY_SERVE, .minimum = 1,                \
           .maximum = BREAKER_SUCCESSES_MAX, .default_text = OPTION_QUOTED(BREAKER_DEFAULT_SUCCESSES),       \
           .help = "probes that must succeed for the circuit breaker to close")                              \
    OPTION(BREAKER_PROBES, "breaker-probes", "Devices", NUMBER, BY_SERVE, .minimum = 1,                      \
           .maximum = BREAKER_PROBES_MAX, .default_text = OPTION_QUOTED(BREAKER_DEFAULT_PROBES),             \
           .help = "probes at once after the cooldown")                                                      \
    OPTION(RETRY_ATTEMPTS, "retry-attempts", "Devices", NUMBER, BY_SERVE, .minimum = 1, .maximum = 10,       \
           .default_text = OPTION_QUOTED(RETRY_DEFAULT_ATTEMPTS),                                            \
           .help = "attempts of a pass, in all, on the last device that can compute")                        \
    OPTION(RETRY_DELAY, "retry-delay", "Devices", DURATION, BY_SERVE, .maximum = 5000,                       \
           .default_text = OPTION_QUOTED(RETRY_DEFAULT_DELAY_MS) "ms",                                       \
           .help = "longest wait before the second attempt; it doubles with each further one, "              \
                   "up to 5 s")

#endif
