#include "serving/stuck_watch.h"

#include "base/clock.h"

/* The age is known to the millisecond. */
#define SAME_PASS_NS (2 * NS_PER_MS)

void stuck_watch_init(stuck_watch *w, int64_t period_ns)
{
    *w = (stuck_watch){.period_ns = period_ns};
}

static int64_t bounded(const stuck_watch *w, int64_t ns)
{
    return ns < STUCK_WATCH_MOST_PERIODS * w->period_ns ? ns : STUCK_WATCH_MOST_PERIODS * w->period_ns;
}

int64_t stuck_watch_tick(stuck_watch *w, int64_t now_ns, int64_t age_ns)
{
    const int64_t start_ns = now_ns - age_ns, moved_ns = start_ns - w->start_ns;
    if (age_ns <= 0) {
        w->start_ns = w->counted_ns = 0;
    } else if (w->start_ns != 0 && moved_ns <= SAME_PASS_NS && moved_ns >= -SAME_PASS_NS) {
        w->counted_ns += bounded(w, now_ns - w->tick_ns);
    } else {
        w->start_ns = start_ns;
        w->counted_ns = bounded(w, age_ns);
    }
    w->tick_ns = now_ns;
    return w->counted_ns;
}
