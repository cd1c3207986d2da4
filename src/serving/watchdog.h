/* One thread that checks the process a few times a second and stores the results, so that health is answered from
 * memory, whatever the load. It checks how long a worker has been busy, memory, and the outcome of the last health
 * probe, which it also begins. It records the time of each round, so that a watchdog that hangs is noticed as well. */
#ifndef SERVING_WATCHDOG_H
#define SERVING_WATCHDOG_H

#include <stdint.h>

#include "base/log.h"
#include "scheduler/scheduler.h"
#include "serving/memory_budget.h"
#include "serving/probe.h"

/* Measures how long something has been going on while the process itself was running: a worker in one pass, or the
 * watchdog between two rounds.
 *
 * After a process was stopped and continued (a paused container, a debugger), every age by the clock includes the
 * pause. So the time is counted in ticks of a steady period, and a late tick counts for at most
 * STUCK_WATCH_MOST_PERIODS periods. Pure: the caller passes the time. */

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

typedef struct watchdog watchdog;

/* A scheduler whose workers are watched, with what the watchdog remembers of it between two rounds. */
typedef struct watch_target {
    scheduler *work;
    probe *probe;      /* NULL = no probes */
    stuck_watch away;  /* of the worker that has been busy for the longest */
    int64_t probed_ns; /* when the last probe was begun; 0 = none yet */
} watch_target;

void watch_target_init(watch_target *target, scheduler *work, probe *p);

/* Calls `see` for each target there is. From the watchdog's thread, once a round; a target may go when it returns. */
typedef void (*watch_each_fn)(void *cookie, void (*see)(void *see_cookie, watch_target *target),
                              void *see_cookie);

typedef struct watchdog_settings {
    int64_t stuck_timeout_ms;  /* a worker that is busy for longer, or a round that takes longer, is stuck */
    int64_t probe_interval_ms; /* 0 = no probes */
    size_t memory_limit_bytes;
    /* Called after each round from the watchdog's thread, to return soon; NULL = nobody. */
    void (*on_round)(void *cookie, bool alive);
    void *on_round_cookie;
    log_sink log;
} watchdog_settings;

/* Has looked once when it returns. Errors: AKI_OUT_OF_MEMORY (also: no thread to be had). */
AKI_MUST_CHECK aki_status watchdog_open(watchdog **out, const watchdog_settings *settings, aki_error *error);
/* From now on, `each` is asked for what there is to be watched, until watchdog_stop. Once. */
void watchdog_watch(watchdog *w, watch_each_fn each, void *cookie);
/* Measures memory now: much of it was taken or freed. From any thread. */
void watchdog_look_at_memory(watchdog *w);
/* Looks no more and begins no more probes; what was seen last can still be asked for. NULL allowed. */
void watchdog_stop(watchdog *w);
/* NULL allowed. */
void watchdog_close(watchdog *w);

/* From any thread. Takes no lock, except watchdog_alive when the last round was long ago. */
bool watchdog_alive(watchdog *w);
size_t watchdog_memory_bytes(const watchdog *w); /* resident */
bool watchdog_memory_fits(const watchdog *w);    /* under the limit, and not near that of the control group */
/* Memory left until the system's limit, as memory_budget has it; an estimate some 200 ms old. */
memory_budget watchdog_budget(const watchdog *w);

#endif
