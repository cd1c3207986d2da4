/* How long the computation of a request takes at the measured speed, and how long it may take.
 *
 * The speed is that of long passes: those with at least a quarter of the tokens that a pass may have, which is what
 * requests of many texts are computed in. A pass of one short text reads the same weights for far fewer tokens; its speed
 * says nothing about them. The speed is a mean over the last passes. A single pass that took very much longer, because the
 * machine stood still, counts for a few times the mean only.
 *
 * A request that has begun may take twice its estimate, at least `least_ns` and at most `most_ns`. The estimate is brought up
 * to date at each of its passes: time taken so far and estimate of the rest. So a request that shares the workers with others
 * is not given up for their sake.
 *
 * Without threads, locks or a clock of its own: whoever uses it holds the scheduler's lock and says what time it is. */
#ifndef SCHEDULER_WORK_TIME_H
#define SCHEDULER_WORK_TIME_H

#include "akidb/embed.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct work_time {
    /* settings */
    unsigned workers;
    size_t full_pass_tokens;
    int64_t least_ns; /* that a request has from its first pass on */
    int64_t most_ns;  /* likewise; 0 = no limit */

    /* state */
    double token_ns; /* of one worker; 0 = not measured yet */
    unsigned passes; /* measured, up to the number that the mean is over */
} work_time;

/* A pass of so many tokens took so long. */
void work_time_measure(work_time *w, size_t tokens, int64_t duration_ns);

/* Of as many tokens, computed by all workers; 0 before anything was measured. */
int64_t work_time_estimate_ns(const work_time *w, size_t tokens);

/* When a request that began at begun_ns, and of which left_tokens are not computed, is to be given up; INT64_MAX = never. */
int64_t work_time_deadline_ns(const work_time *w, int64_t begun_ns, size_t left_tokens, int64_t now_ns);

/* AKI_REQUEST_TOO_LONG where so many texts clearly cannot be computed in the time that the caller allows (INT64_MAX = any)
 * or in `most_ns`; the error says how many can. What the workers compute in one pass each is always let in, so that the
 * speed is measured again however slow it seemed; before it was measured often, so is what may take half as long. */
AKI_MUST_CHECK aki_status work_time_check(const work_time *w, size_t texts, size_t tokens, int64_t left_ns,
                                          aki_error *error);

#endif
