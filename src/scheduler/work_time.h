/* Estimates how long the computation of a request takes at the measured speed, and how long it may take.
 *
 * The speed is that of long passes: those with at least a quarter of the tokens of a full pass, in which requests of
 * many texts are computed. A pass of one short text reads the same weights for far fewer tokens, so it is not
 * measured. The speed is a mean over the last passes. A pass that took very much longer, because the machine stood
 * still, counts for at most a few times the mean.
 *
 * A request that has begun may take twice its estimate, at least `least_ns` and at most `most_ns`. Each of its passes
 * updates the estimate: time taken so far, plus the estimate of the rest. So a request does not expire merely because
 * it shares the workers with others.
 *
 * Without threads, locks or a clock of its own: the caller holds the scheduler's lock and passes the time. */
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

/* Records that a pass of so many tokens took so long. */
void work_time_measure(work_time *w, size_t tokens, int64_t duration_ns);

/* The time that all workers together take for so many tokens; 0 before anything was measured. */
int64_t work_time_estimate_ns(const work_time *w, size_t tokens);

/* The time at which a request expires that began at begun_ns and has left_tokens to compute; INT64_MAX = never. */
int64_t work_time_deadline_ns(const work_time *w, int64_t begun_ns, size_t left_tokens, int64_t now_ns);

/* AKI_REQUEST_TOO_LONG where the texts clearly cannot be computed in the time that the caller allows (INT64_MAX =
 * any) or in `most_ns`; the error says how many can. A request that takes one pass of each worker is always let in,
 * so that the speed is measured again however low it seemed. Until enough passes were measured, so is a request that
 * takes up to twice the time. */
AKI_MUST_CHECK aki_status work_time_check(const work_time *w, size_t texts, size_t tokens, int64_t left_ns,
                                          aki_error *error);

#endif
