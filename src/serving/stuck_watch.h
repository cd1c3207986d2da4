/* Measures how long something has been going on while the process itself was running: a worker in one pass, or the
 * watchdog between two rounds.
 *
 * After a process was stopped and continued (a paused container, a debugger), every age by the clock includes the
 * pause. So the time is counted in ticks of a steady period, and a late tick counts for at most
 * STUCK_WATCH_MOST_PERIODS periods. Pure: the caller passes the time. */
#ifndef SERVING_STUCK_WATCH_H
#define SERVING_STUCK_WATCH_H

#include <stdint.h>

/* The most that a late tick counts for, in periods. */
#define STUCK_WATCH_MOST_PERIODS 2

typedef struct stuck_watch {
    int64_t period_ns; /* between ticks, as planned */
    int64_t tick_ns;   /* of the last one */
    int64_t start_ns;  /* of what was the oldest then; 0 = nothing */
    int64_t counted_ns;
} stuck_watch;

void stuck_watch_init(stuck_watch *w, int64_t period_ns);

/* age_ns: of the oldest operation under way, 0 = none. Returns how much of it counts. */
int64_t stuck_watch_tick(stuck_watch *w, int64_t now_ns, int64_t age_ns);

#endif
