/* How long something has been going on while the process itself was running: a worker's absence, the watchdog's silence.
 *
 * A process that is stopped and goes on (a paused container, a debugger) finds everything older than it is. So the time
 * is counted in ticks of a steady pace, and a tick that comes late counts for little more than one in time. Pure: whoever
 * uses it says what time it is. */
#ifndef SERVER_STUCK_WATCH_H
#define SERVER_STUCK_WATCH_H

#include <stdint.h>

/* What a late tick counts for at most, in periods. */
#define STUCK_WATCH_MOST_PERIODS 2

typedef struct stuck_watch {
    int64_t period_ns; /* between ticks, as planned */
    int64_t tick_ns;   /* of the last one */
    int64_t start_ns;  /* of what was the oldest then; 0 = nothing */
    int64_t counted_ns;
} stuck_watch;

void stuck_watch_init(stuck_watch *w, int64_t period_ns);

/* age_ns: of the oldest that is under way, 0 = nothing is. Returns what of it counts. */
int64_t stuck_watch_tick(stuck_watch *w, int64_t now_ns, int64_t age_ns);

#endif
