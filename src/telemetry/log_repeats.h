/* Which log lines say only what others have said just now: after LOG_REPEATS_MAX equal ones in a window of time the rest is
 * left out, and their number is told when the window ends. Without a lock and without a clock. */
#ifndef TELEMETRY_LOG_REPEATS_H
#define TELEMETRY_LOG_REPEATS_H

#include "base/log.h"

#define LOG_REPEATS_MAX 20
#define LOG_REPEATS_WINDOW_NS INT64_C(10000000000)
/* More kinds at once are not counted, and all their lines are taken. */
#define LOG_REPEATS_KINDS 64

typedef struct log_repeats_kind {
    uint64_t hash;
    int64_t until_ns; /* the window's end; 0 = the place is free */
    unsigned count;   /* taken and left out */
    uint64_t left_out;
    aki_log_level level;
    char target[32], message[160]; /* of the first one, cut */
} log_repeats_kind;

typedef struct log_repeats {
    log_repeats_kind kinds[LOG_REPEATS_KINDS];
} log_repeats;

/* False: the line is to be left out. All zero is a log_repeats that has seen nothing. Lines below the level INFO are asked
 * for by people who want all of them: they are no repeats. */
bool log_repeats_admit(log_repeats *repeats, const log_event *event, int64_t now_ns);

/* Ends windows whose time is over: true with a kind of which lines were left out; to be called until it is false. */
bool log_repeats_take_ended(log_repeats *repeats, int64_t now_ns, log_repeats_kind *ended);
/* When the next window ends; INT64_MAX = none is open. */
int64_t log_repeats_next_ns(const log_repeats *repeats);

#endif
