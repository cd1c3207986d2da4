/* How long the oldest pass has been running while the process itself was running.
 *
 * A process that is stopped and goes on (a paused container, a debugger) finds its passes older than they are. So the time
 * is counted in ticks of a steady pace, and a tick that comes late counts for little more than one in time. Pure: whoever
 * uses it says what time it is. */
#ifndef SERVER_STUCK_WATCH_H
#define SERVER_STUCK_WATCH_H

#include <stdint.h>

typedef struct stuck_watch {
    int64_t period_ns; /* between ticks, as planned */
    int64_t tick_ns;   /* of the last one */
    int64_t start_ns;  /* of the pass that was the oldest then; 0 = none ran */
    int64_t counted_ns;
} stuck_watch;

void stuck_watch_init(stuck_watch *w, int64_t period_ns);

/* age_ns: of the oldest pass under way, 0 = none. Returns what of it counts. */
int64_t stuck_watch_tick(stuck_watch *w, int64_t now_ns, int64_t age_ns);

#endif
