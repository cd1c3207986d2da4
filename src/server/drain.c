#include "server/drain.h"

#include "server/listening.h"

#include <errno.h>
#include <time.h>

/* For idle connections to be closed, and requests that came at the last moment to be answered. */
#define IDLE_CLOSE_MS 2000
#define IDLE_ROUND_MS 10

static void pause_ms(int64_t ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * NS_PER_MS};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

bool drain_wait(server *s, int64_t timeout_ms)
{
    int64_t until_ns = clock_monotonic_ns() + timeout_ms * NS_PER_MS;
    struct timespec until = {.tv_sec = until_ns / NS_PER_S, .tv_nsec = until_ns % NS_PER_S};
    pthread_mutex_lock(&s->lock);
    while (s->requests > 0 && pthread_cond_timedwait(&s->idle, &s->lock, &until) != ETIMEDOUT)
        ;
    bool finished = s->requests == 0;
    pthread_mutex_unlock(&s->lock);
    return finished;
}

/* A client may send its next request on a kept connection before it learns that the service ends: such a request is still
 * served. The connection is closed only when nothing has come on it. */
static void close_idle(server *s)
{
    const int64_t until_ns = clock_monotonic_ns() + IDLE_CLOSE_MS * NS_PER_MS;
    while (atomic_load(&s->open_connections) > 0 && clock_monotonic_ns() < until_ns) {
        connection_watch_end_idle(s->watch);
        pause_ms(IDLE_ROUND_MS);
    }
}

bool server_drain(server *s)
{
    atomic_store(&s->phase, SERVER_DRAINING);
    if (s->settings.drain_delay_ms > 0)
        pause_ms(s->settings.drain_delay_ms);
    listening_stop(s);
    if (!drain_wait(s, s->settings.drain_timeout_ms))
        return false;
    close_idle(s);
    return drain_wait(s, 0);
}
