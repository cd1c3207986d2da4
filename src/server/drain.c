#include "server/drain.h"

#include "server/listening.h"

#include <errno.h>
#include <time.h>

#define ROUND_MS 10

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

static bool counts_any_connection(const server *s)
{
    return atomic_load(&s->handed_over) > 0 || atomic_load(&s->open_connections) > 0;
}

/* Connections just handed to the HTTP library count too: one may have sent a request that nobody has read yet. A
 * connection that waited goes from open to handed over and back to open, in one count or the other at every moment.
 * One look can miss it, between the reads of the two counts; the second look then finds it open. */
static bool has_connections(const server *s)
{
    return counts_any_connection(s) || counts_any_connection(s);
}

/* A client may send its next request on a kept connection before it learns that the service ends. Such a request is
 * still served, and its reply closes the connection. Connections on which nothing has come are closed here, in
 * rounds. */
static void finish_connections(server *s, int64_t until_ns)
{
    for (;;) {
        connection_watch_end_idle(s->watch);
        if (!has_connections(s) || clock_monotonic_ns() >= until_ns)
            return;
        pause_ms(ROUND_MS);
    }
}

bool server_drain(server *s)
{
    atomic_store(&s->phase, SERVER_DRAINING);
    if (s->settings.drain_delay_ms > 0)
        pause_ms(s->settings.drain_delay_ms);
    const int64_t until_ns = clock_monotonic_ns() + s->settings.drain_timeout_ms * NS_PER_MS;
    listening_stop(s);
    finish_connections(s, until_ns);
    return atomic_load(&s->handed_over) == 0 && drain_wait(s, 0);
}
