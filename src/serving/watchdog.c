#include "serving/watchdog.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/thread.h"

#include <pthread.h>
#include <stdatomic.h>

#define LOG_TARGET "health"
#define ROUND_MS 200
/* After a probe that failed the next one comes sooner. */
#define RETRY_PROBE_MS 1000
/* A round is late after 1 / this of the time after which it counts as stuck. */
#define LATE_PARTS 2

struct watchdog {
    watchdog_settings settings;
    bool was_stuck;              /* of the thread */
    void *each_cookie;           /* set before `each` */
    _Atomic(watch_each_fn) each; /* NULL = nothing is watched yet */

    _Atomic(int64_t) round_ns; /* when the last round ended */
    atomic_bool stuck, memory_fits;
    atomic_size_t resident_bytes, room_bytes, limit_bytes, group_limit_bytes, group_used_bytes;

    pthread_mutex_t quiet_lock; /* of the one below; only taken when a round is late */
    stuck_watch quiet;          /* time since the last round, as the threads that ask for health see it */

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t wake;
    bool stopping;
    pthread_t thread;
    bool started;
};

static void tell_over_limit(const watchdog *w, const memory_budget *budget)
{
    enum { MEGABYTE = 1000000 };
    if (budget->resident_bytes > w->settings.memory_limit_bytes)
        log_write(
            &w->settings.log, AKI_LOG_WARN, LOG_TARGET,
            "not ready: %zu MB of memory are in use, and --memory-limit allows %zu MB. Requests are served, "
            "but a load balancer sends none. Where the models take the memory, set --memory-limit to twice "
            "the size of their weight files and 1 GB more; else lower what grows, such as --cache-mb",
            budget->resident_bytes / MEGABYTE, w->settings.memory_limit_bytes / MEGABYTE);
    else
        log_write(
            &w->settings.log, AKI_LOG_WARN, LOG_TARGET,
            "not ready: %zu MB of memory are in use, and the control group has %zu of its %zu MB. Raise its "
            "limit, or move what else runs in it",
            budget->resident_bytes / MEGABYTE, budget->group_used_bytes / MEGABYTE,
            budget->group_limit_bytes / MEGABYTE);
}

void watchdog_look_at_memory(watchdog *w)
{
    memory_budget budget;
    memory_budget_read(&budget);
    bool fits = budget.resident_bytes <= w->settings.memory_limit_bytes && !budget.near_limit;
    bool did = atomic_exchange(&w->memory_fits, fits);
    atomic_store(&w->resident_bytes, budget.resident_bytes);
    atomic_store(&w->room_bytes, budget.room_bytes);
    atomic_store(&w->limit_bytes, budget.limit_bytes);
    atomic_store(&w->group_limit_bytes, budget.group_limit_bytes);
    atomic_store(&w->group_used_bytes, budget.group_used_bytes);
    if (did && !fits)
        tell_over_limit(w, &budget);
    else if (!did && fits)
        log_write(&w->settings.log, AKI_LOG_INFO, LOG_TARGET,
                  "memory in use is below the limit again: %zu MB", budget.resident_bytes / 1000000);
}

typedef struct round {
    watchdog *w;
    int64_t now_ns;
    int64_t longest_ns; /* that a worker has been away */
} round;

/* The shorter of the round and the time between probes. */
static int64_t pause_ns(const watchdog *w)
{
    const int64_t interval_ms = w->settings.probe_interval_ms;
    return (interval_ms > 0 && interval_ms < ROUND_MS ? interval_ms : ROUND_MS) * NS_PER_MS;
}

void watch_target_init(watch_target *target, scheduler *work, probe *p)
{
    *target = (watch_target){.work = work, .probe = p};
}

static void begin_probe(const round *r, watch_target *target)
{
    int64_t interval_ms = r->w->settings.probe_interval_ms;
    if (probe_last(target->probe) == PROBE_WRONG && interval_ms > RETRY_PROBE_MS)
        interval_ms = RETRY_PROBE_MS;
    if (interval_ms == 0 || r->now_ns - target->probed_ns < interval_ms * NS_PER_MS)
        return;
    target->probed_ns = r->now_ns;
    probe_begin(target->probe, target->work);
}

static void look_at(void *cookie, watch_target *target)
{
    round *r = cookie;
    if (target->away.period_ns == 0)
        stuck_watch_init(&target->away, pause_ns(r->w));
    const int64_t age_ns = scheduler_longest_absence_ms(target->work) * NS_PER_MS;
    const int64_t counted_ns = stuck_watch_tick(&target->away, r->now_ns, age_ns);
    if (counted_ns > r->longest_ns)
        r->longest_ns = counted_ns;
    if (target->probe != NULL)
        begin_probe(r, target);
}

static void look_at_targets(watchdog *w, watch_each_fn each)
{
    round r = {.w = w, .now_ns = clock_monotonic_ns()};
    each(w->each_cookie, look_at, &r);
    const bool stuck = r.longest_ns > w->settings.stuck_timeout_ms * NS_PER_MS;
    atomic_store(&w->stuck, stuck);
    if (stuck && !w->was_stuck)
        log_write(&w->settings.log, AKI_LOG_ERROR, LOG_TARGET,
                  "not alive: a worker has not come back for %lld s; the process should be restarted",
                  (long long)(r.longest_ns / NS_PER_S));
    else if (!stuck && w->was_stuck)
        log_write(&w->settings.log, AKI_LOG_INFO, LOG_TARGET, "alive again: no worker is stuck any more");
    w->was_stuck = stuck;
}

static void look(watchdog *w)
{
    const watch_each_fn each = atomic_load(&w->each);
    watchdog_look_at_memory(w);
    if (each != NULL)
        look_at_targets(w, each);
    atomic_store(&w->round_ns, clock_monotonic_ns());
    if (w->settings.on_round != NULL)
        w->settings.on_round(w->settings.on_round_cookie, watchdog_alive(w));
}

static void *run(void *argument)
{
    watchdog *w = argument;
    pthread_mutex_lock(&w->lock);
    while (!w->stopping) {
        pthread_mutex_unlock(&w->lock);
        look(w);
        pthread_mutex_lock(&w->lock);
        int64_t until_ns = clock_monotonic_ns() + pause_ns(w);
        struct timespec until = {.tv_sec = until_ns / NS_PER_S, .tv_nsec = until_ns % NS_PER_S};
        if (!w->stopping)
            pthread_cond_timedwait(&w->wake, &w->lock, &until);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

aki_status watchdog_open(watchdog **out, const watchdog_settings *settings, aki_error *error)
{
    *out = NULL;
    watchdog *w = mem_zalloc(1, sizeof *w);
    if (w == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the watchdog");
    w->settings = *settings;
    atomic_store(&w->memory_fits, true);
    stuck_watch_init(&w->quiet,
                     settings->stuck_timeout_ms * NS_PER_MS / LATE_PARTS / STUCK_WATCH_MOST_PERIODS);
    pthread_mutex_init(&w->quiet_lock, NULL);
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&w->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    look(w);
    w->started = thread_start(&w->thread, run, w, "aki-watchdog");
    if (!w->started) {
        watchdog_close(w);
        return error_set(error, AKI_OUT_OF_MEMORY, "cannot start the watchdog's thread");
    }
    *out = w;
    return AKI_OK;
}

void watchdog_watch(watchdog *w, watch_each_fn each, void *cookie)
{
    w->each_cookie = cookie;
    atomic_store(&w->each, each);
}

void watchdog_stop(watchdog *w)
{
    if (w == NULL)
        return;
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    if (w->started)
        pthread_join(w->thread, NULL);
    w->started = false;
}

void watchdog_close(watchdog *w)
{
    if (w == NULL)
        return;
    watchdog_stop(w);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    pthread_mutex_destroy(&w->quiet_lock);
    mem_free(w);
}

/* After a process was stopped and continued, health may be asked for before the watchdog's thread runs again. So a
 * single look at a late round counts for at most half the limit; the rest must be seen to pass. */
static bool is_quiet(watchdog *w)
{
    const int64_t limit_ns = w->settings.stuck_timeout_ms * NS_PER_MS;
    int64_t now_ns = clock_monotonic_ns();
    if (now_ns - atomic_load(&w->round_ns) <= limit_ns / LATE_PARTS)
        return false;
    pthread_mutex_lock(&w->quiet_lock);
    now_ns = clock_monotonic_ns();
    const int64_t counted_ns = stuck_watch_tick(&w->quiet, now_ns, now_ns - atomic_load(&w->round_ns));
    pthread_mutex_unlock(&w->quiet_lock);
    return counted_ns > limit_ns;
}

bool watchdog_alive(watchdog *w)
{
    return !atomic_load(&w->stuck) && !is_quiet(w);
}

size_t watchdog_memory_bytes(const watchdog *w)
{
    return atomic_load(&w->resident_bytes);
}

bool watchdog_memory_fits(const watchdog *w)
{
    return atomic_load(&w->memory_fits);
}

memory_budget watchdog_budget(const watchdog *w)
{
    return (memory_budget){.resident_bytes = atomic_load(&w->resident_bytes),
                           .room_bytes = atomic_load(&w->room_bytes),
                           .limit_bytes = atomic_load(&w->limit_bytes),
                           .group_limit_bytes = atomic_load(&w->group_limit_bytes),
                           .group_used_bytes = atomic_load(&w->group_used_bytes)};
}

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
