/* SIGINT and SIGTERM as something a loop can ask for or wait on. The first signal is remembered; the second ends the process
 * at once, unless it is the first one repeated: `timeout` and others signal a process and then its whole group. The signals are blocked in all threads and taken by one of our own, so that no code runs in a handler. SIGPIPE
 * and SIGXFSZ are ignored: writing then fails with EPIPE or EFBIG, which can be reported. */
#ifndef CLI_STOP_H
#define CLI_STOP_H

#include "akidb/embed.h"

#define STOP_REPEAT_NS INT64_C(1000000000)

typedef struct stop stop;

/* Call before any other thread is started. exit_code_of_second: of the process when a second signal comes; 0 = 128 + the
 * signal's number. Errors: AKI_INTERNAL, AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status stop_open(stop **out, int exit_code_of_second, aki_error *error);
/* Takes signals as above, for a program that must end even when one of its threads never returns: limit_ms after the
 * first signal the process ends with EXIT_FAILED and a message, unless stop_close was called before. 0 = no limit. */
AKI_MUST_CHECK aki_status stop_open_limited(stop **out, int exit_code_of_second, int64_t limit_ms,
                                            aki_error *error);
/* The signals get back their former treatment. NULL allowed. */
void stop_close(stop *s);

/* The first signal's number, or 0. */
int stop_signal(const stop *s);
/* Becomes readable when the first signal comes. */
int stop_descriptor(const stop *s);
/* Blocks until the first signal and returns its number. */
int stop_wait(const stop *s);

/* True where a signal is the first one come again, not a second wish. Times: clock_monotonic_ns. */
bool stop_is_repeat(int first, int64_t first_ns, int signal_number, int64_t now_ns);

/* For callbacks with a cookie: whether a signal has come. */
bool stop_requested(void *cookie);

#endif
