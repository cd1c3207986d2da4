#include "server/drain.h"

#include "server/listening.h"
#include "server/message_stream.h"

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

/* A client may send its next request on a kept connection before it learns that the service ends. Such a request is
 * still served, and its reply closes the connection. Connections on which nothing has come are closed. */
static void finish_connections(const server *s, int64_t until_ns)
{
    http_front_drain(s->front);
    while (http_front_connections(s->front) > 0 && clock_monotonic_ns() < until_ns)
        pause_ms(ROUND_MS);
}

bool drain_run(server *s)
{
    atomic_store(&s->phase, SERVER_DRAINING);
    message_streams_wake(s);
    if (s->settings.drain_delay_ms > 0)
        pause_ms(s->settings.drain_delay_ms);
    const int64_t until_ns = clock_monotonic_ns() + s->settings.drain_timeout_ms * NS_PER_MS;
    listening_stop(s);
    atomic_store(&s->ending, true);
    message_streams_wake(s);
    finish_connections(s, until_ns);
    return drain_wait(s, 0);
}
