#include "server/connection_watch.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/thread.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>

#define ROUND_MS 200
#define FIRST_ROOM 64

struct watched_connection {
    int descriptor;
    size_t index; /* in the watch's list */
    _Atomic(watch_phase) phase;
    _Atomic(int64_t) deadline_ns;
};

struct connection_watch {
    pthread_mutex_t lock; /* of all below; descriptors in the list are open while it is held */
    pthread_cond_t changed;
    watched_connection **list; /* [count] */
    struct pollfd *polled;     /* [count]: beside the list */
    size_t count, room;
    bool stopping;
    pthread_t thread;
    bool started;
};

static void look_over(connection_watch *watch)
{
    for (size_t i = 0; i < watch->count; i++)
        watch->polled[i] = (struct pollfd){.fd = watch->list[i]->descriptor, .events = POLLRDHUP};
    if (poll(watch->polled, watch->count, 0) < 0)
        return;
    int64_t now_ns = clock_monotonic_ns();
    for (size_t i = 0; i < watch->count; i++) {
        watched_connection *connection = watch->list[i];
        if (atomic_load(&connection->phase) == WATCH_REPLY)
            continue;
        if (atomic_load(&connection->deadline_ns) <= now_ns)
            shutdown(connection->descriptor, SHUT_RDWR);
        else if (watch->polled[i].revents & POLLRDHUP)
            shutdown(connection->descriptor, SHUT_RD); /* changes nothing but to make an event */
    }
}

static void *run(void *argument)
{
    connection_watch *watch = argument;
    pthread_mutex_lock(&watch->lock);
    while (!watch->stopping) {
        if (watch->count == 0) {
            pthread_cond_wait(&watch->changed, &watch->lock);
            continue;
        }
        int64_t next_ns = clock_monotonic_ns() + ROUND_MS * NS_PER_MS;
        struct timespec next = {.tv_sec = next_ns / NS_PER_S, .tv_nsec = next_ns % NS_PER_S};
        int waited = 0;
        while (!watch->stopping && waited != ETIMEDOUT)
            waited = pthread_cond_timedwait(&watch->changed, &watch->lock, &next);
        look_over(watch);
    }
    pthread_mutex_unlock(&watch->lock);
    return NULL;
}

aki_status connection_watch_open(connection_watch **out, aki_error *error)
{
    *out = NULL;
    connection_watch *watch = mem_zalloc(1, sizeof *watch);
    if (watch == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to watch connections");
    pthread_mutex_init(&watch->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&watch->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    watch->started = thread_start(&watch->thread, run, watch, "aki-watch");
    if (!watch->started) {
        aki_status status =
            error_set_errno(error, AKI_OUT_OF_MEMORY, errno, "cannot start the watching thread");
        connection_watch_close(watch);
        return status;
    }
    *out = watch;
    return AKI_OK;
}

void connection_watch_close(connection_watch *watch)
{
    if (watch == NULL)
        return;
    pthread_mutex_lock(&watch->lock);
    watch->stopping = true;
    pthread_cond_broadcast(&watch->changed);
    pthread_mutex_unlock(&watch->lock);
    if (watch->started)
        pthread_join(watch->thread, NULL);
    pthread_cond_destroy(&watch->changed);
    pthread_mutex_destroy(&watch->lock);
    mem_free(watch->list);
    mem_free(watch->polled);
    mem_free(watch);
}

/* Lock held. */
static bool make_room(connection_watch *watch)
{
    if (watch->count < watch->room)
        return true;
    size_t room = watch->room > 0 ? 2 * watch->room : FIRST_ROOM;
    watched_connection **list = mem_realloc(watch->list, room, sizeof(watched_connection *));
    if (list == NULL)
        return false;
    watch->list = list;
    struct pollfd *polled = mem_realloc(watch->polled, room, sizeof *polled);
    if (polled == NULL)
        return false;
    watch->polled = polled;
    watch->room = room;
    return true;
}

watched_connection *connection_watch_add(connection_watch *watch, int descriptor, int64_t deadline_ns)
{
    watched_connection *connection = mem_zalloc(1, sizeof *connection);
    if (connection == NULL)
        return NULL;
    connection->descriptor = descriptor;
    connection_watch_set(connection, WATCH_HEADERS, deadline_ns);
    pthread_mutex_lock(&watch->lock);
    bool added = make_room(watch);
    if (added) {
        connection->index = watch->count;
        watch->list[watch->count++] = connection;
        if (watch->count == 1)
            pthread_cond_signal(&watch->changed);
    }
    pthread_mutex_unlock(&watch->lock);
    if (added)
        return connection;
    mem_free(connection);
    return NULL;
}

void connection_watch_remove(connection_watch *watch, watched_connection *connection)
{
    if (connection == NULL)
        return;
    pthread_mutex_lock(&watch->lock);
    watched_connection *last = watch->list[--watch->count];
    last->index = connection->index;
    watch->list[last->index] = last;
    pthread_mutex_unlock(&watch->lock);
    mem_free(connection);
}

void connection_watch_set(watched_connection *connection, watch_phase phase, int64_t deadline_ns)
{
    if (connection == NULL)
        return;
    atomic_store(&connection->deadline_ns, deadline_ns);
    atomic_store(&connection->phase, phase);
}
