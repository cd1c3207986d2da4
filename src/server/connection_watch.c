#include "server/connection_watch.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/thread.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROUND_MS 200
/* Thousands of connections whose time is over at once, as those of slow clients are, end a few at a time: library and system
 * take a tenth of a millisecond for each, in which they serve nobody else. A thousandth of all in a round ends all in 10 s. */
#define ENDS_AT_LEAST 8
#define ENDS_SHARE 1000
#define HURRIED_ROUND_MS 10
#define FIRST_ROOM 64
#define EVENTS 64
/* Until an end with unread bytes before it is shown to the library again: doubled each time, up to a round. */
#define AGAIN_MS 1
/* What came so recently may be a request that the library has not begun with. */
#define RECENT_MS 200
/* Between the end that has regard for such a request and the one that has not. */
#define HARD_END_NS (2 * NS_PER_S)

struct watched_connection {
    int descriptor;
    int events; /* the watch's epoll instance */
    _Atomic(watch_phase) phase;
    _Atomic(int64_t) deadline_ns;
    bool listed;          /* in `unread`; under the watch's lock */
    atomic_bool ended;    /* the peer has ended its side; set under the lock */
    pthread_mutex_t lock; /* of all below; held while `gone` runs */
    connection_watch_gone_fn gone;
    void *cookie;
};

struct connection_watch {
    int events;                 /* epoll instance */
    int wake;                   /* eventfd: there is something to look over, or to stop for */
    pthread_mutex_t lock;       /* of all below; descriptors in the table are open while it is held */
    watched_connection **table; /* [room], by descriptor */
    size_t count, room;
    size_t first; /* where the next round begins in the table */
    /* Descriptors whose end came with bytes that the library had not read. Those for which there is no room wait for a round. */
    int unread[EVENTS];
    size_t unread_count;
    int64_t again_ms, again_ns; /* their pause, and when it is over */
    bool stopping;
    pthread_t thread;
    bool started;
};

static bool waits_for_client(const watched_connection *connection)
{
    watch_phase phase = atomic_load(&connection->phase);
    return phase == WATCH_HEADERS || phase == WATCH_BODY;
}

/* Once: show_end would make the event again. */
static struct epoll_event end_event(int descriptor)
{
    return (struct epoll_event){.events = EPOLLRDHUP | EPOLLONESHOT, .data.fd = descriptor};
}

/* Has the watch's thread get one more event, at once if the peer has ended its side. */
static void rearm(const watched_connection *connection)
{
    struct epoll_event event = end_event(connection->descriptor);
    epoll_ctl(connection->events, EPOLL_CTL_MOD, connection->descriptor, &event);
}

/* Lock of the watch held. Shutting down the receiving side changes nothing but to make an event for the library, whose next
 * reading meets the end. If there are still bytes before the end, the library may take this event for theirs, as it did with
 * the end's own: true, it must get another when it has read them. */
static bool show_end(const watched_connection *connection)
{
    int unread = 0;
    if (!waits_for_client(connection))
        return false; /* until connection_watch_set */
    const bool again = ioctl(connection->descriptor, FIONREAD, &unread) == 0 && unread > 0;
    shutdown(connection->descriptor, SHUT_RD);
    return again;
}

/* Lock of the watch held. */
static void show_end_until_read(connection_watch *watch, watched_connection *connection)
{
    const bool again = show_end(connection);
    if (again && !connection->listed && watch->unread_count < EVENTS) {
        watch->unread[watch->unread_count++] = connection->descriptor;
        connection->listed = true;
    }
}

/* Lock of the watch held. */
static void show_ends_again(connection_watch *watch)
{
    const size_t count = watch->unread_count;
    watch->unread_count = 0;
    watch->again_ms *= 2;
    watch->again_ns = clock_monotonic_ns() + watch->again_ms * NS_PER_MS;
    for (size_t i = 0; i < count; i++) {
        watched_connection *connection = watch->table[watch->unread[i]];
        if (connection == NULL || !connection->listed)
            continue; /* removed meanwhile */
        connection->listed = false;
        if (watch->again_ms < ROUND_MS)
            show_end_until_read(watch, connection);
    }
}

/* Lock of the watch held. Ends that are listed already are shown sooner, too. */
static void show_new_end(connection_watch *watch, watched_connection *connection)
{
    const int64_t soon_ns = clock_monotonic_ns() + AGAIN_MS * NS_PER_MS;
    if (watch->unread_count == 0 || soon_ns < watch->again_ns)
        watch->again_ns = soon_ns;
    watch->again_ms = AGAIN_MS;
    show_end_until_read(watch, connection);
}

/* Lock of the watch held. The event may be that of a connection which had the same descriptor: asked again. */
static void note_end(connection_watch *watch, int descriptor)
{
    watched_connection *connection = (size_t)descriptor < watch->room ? watch->table[descriptor] : NULL;
    struct pollfd polled = {.fd = descriptor, .events = POLLRDHUP};
    if (connection == NULL)
        return;
    if (poll(&polled, 1, 0) != 1) {
        rearm(connection);
        return;
    }
    pthread_mutex_lock(&connection->lock);
    atomic_store(&connection->ended, true);
    if (connection->gone != NULL)
        connection->gone(connection->cookie);
    connection->gone = NULL;
    pthread_mutex_unlock(&connection->lock);
    show_new_end(watch, connection);
}

/* Whether something of a next request is there: not read yet, or read by the library, which has not come to tell. */
static bool something_came(int descriptor)
{
    int unread = 0;
    struct tcp_info info;
    socklen_t length = sizeof info;
    if (ioctl(descriptor, FIONREAD, &unread) == 0 && unread > 0)
        return true;
    return getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 &&
           info.tcpi_last_data_recv < RECENT_MS;
}

/* Ends a connection on which no request is under way. */
static void end_idle(const watched_connection *connection)
{
    if (!something_came(connection->descriptor))
        shutdown(connection->descriptor, SHUT_RDWR);
}

/* Lock of the watch held. */
static void end_late(const watched_connection *connection, int64_t late_ns)
{
    if (atomic_load(&connection->phase) == WATCH_HEADERS && late_ns < HARD_END_NS)
        end_idle(connection);
    else
        shutdown(connection->descriptor, SHUT_RDWR);
}

/* Lock of the watch held. True = an end was due. */
static bool look_at(const watched_connection *connection, int64_t now_ns)
{
    const int64_t deadline_ns = atomic_load(&connection->deadline_ns);
    const bool late = deadline_ns <= now_ns && atomic_load(&connection->phase) != WATCH_WORK;
    if (late)
        end_late(connection, now_ns - deadline_ns);
    else if (atomic_load(&connection->ended))
        (void)show_end(connection);
    return late;
}

/* Lock of the watch held. Returns when to look again, in milliseconds. */
static int64_t look_over(connection_watch *watch)
{
    const int64_t now_ns = clock_monotonic_ns();
    const size_t most = ENDS_AT_LEAST + watch->count / ENDS_SHARE;
    size_t left = watch->count, ends = 0;
    for (size_t i = 0; i < watch->room && left > 0; i++) {
        const size_t at = (watch->first + i) % watch->room;
        const watched_connection *connection = watch->table[at];
        if (connection == NULL)
            continue;
        left--;
        ends += look_at(connection, now_ns);
        if (ends == most) {
            watch->first = at + 1;
            return HURRIED_ROUND_MS;
        }
    }
    return ROUND_MS;
}

/* The wait's length in milliseconds: until the next round or until ends are shown again; endless while there is nothing to look
 * over. */
static int wait_ms(const connection_watch *watch, int64_t next_ns)
{
    if (watch->count == 0)
        return -1;
    if (watch->unread_count > 0 && watch->again_ns < next_ns)
        next_ns = watch->again_ns;
    int64_t left_ms = (next_ns - clock_monotonic_ns() + NS_PER_MS - 1) / NS_PER_MS;
    return left_ms > 0 ? (int)left_ms : 0;
}

static void *run(void *argument)
{
    connection_watch *watch = argument;
    struct epoll_event events[EVENTS];
    int64_t next_ns = 0;
    pthread_mutex_lock(&watch->lock);
    while (!watch->stopping) {
        int timeout_ms = wait_ms(watch, next_ns);
        pthread_mutex_unlock(&watch->lock);
        int count = epoll_wait(watch->events, events, EVENTS, timeout_ms);
        pthread_mutex_lock(&watch->lock);
        for (int i = 0; i < count; i++) {
            eventfd_t woken;
            if (events[i].data.fd == watch->wake)
                (void)eventfd_read(watch->wake, &woken);
            else
                note_end(watch, events[i].data.fd);
        }
        if (watch->unread_count > 0 && clock_monotonic_ns() >= watch->again_ns)
            show_ends_again(watch);
        if (clock_monotonic_ns() < next_ns)
            continue;
        const int64_t pause_ms = look_over(watch);
        next_ns = clock_monotonic_ns() + pause_ms * NS_PER_MS;
    }
    pthread_mutex_unlock(&watch->lock);
    return NULL;
}

static aki_status start(connection_watch *watch, aki_error *error)
{
    watch->events = epoll_create1(EPOLL_CLOEXEC);
    watch->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = watch->wake};
    if (watch->events < 0 || watch->wake < 0 ||
        epoll_ctl(watch->events, EPOLL_CTL_ADD, watch->wake, &event) != 0)
        return error_set_errno(error, AKI_IO_ERROR, errno, "cannot open descriptors to watch connections");
    watch->started = thread_start(&watch->thread, run, watch, "aki-watch");
    if (!watch->started)
        return error_set_errno(error, AKI_OUT_OF_MEMORY, errno, "cannot start the watching thread");
    return AKI_OK;
}

aki_status connection_watch_open(connection_watch **out, aki_error *error)
{
    *out = NULL;
    connection_watch *watch = mem_zalloc(1, sizeof *watch);
    if (watch == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to watch connections");
    watch->events = watch->wake = -1;
    pthread_mutex_init(&watch->lock, NULL);
    aki_status status = start(watch, error);
    if (status != AKI_OK) {
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
    pthread_mutex_unlock(&watch->lock);
    if (watch->started && eventfd_write(watch->wake, 1) == 0)
        pthread_join(watch->thread, NULL);
    if (watch->events >= 0)
        close(watch->events);
    if (watch->wake >= 0)
        close(watch->wake);
    pthread_mutex_destroy(&watch->lock);
    mem_free(watch->table);
    mem_free(watch);
}

/* Lock held. */
static bool make_room(connection_watch *watch, size_t descriptor)
{
    if (descriptor < watch->room)
        return true;
    size_t room = watch->room > 0 ? watch->room : FIRST_ROOM;
    while (room <= descriptor)
        room *= 2;
    watched_connection **table = mem_realloc(watch->table, room, sizeof(watched_connection *));
    if (table == NULL)
        return false;
    for (size_t i = watch->room; i < room; i++)
        table[i] = NULL;
    watch->table = table;
    watch->room = room;
    return true;
}

watched_connection *connection_watch_add(connection_watch *watch, int descriptor, int64_t deadline_ns)
{
    watched_connection *connection = mem_zalloc(1, sizeof *connection);
    if (connection == NULL)
        return NULL;
    connection->descriptor = descriptor;
    connection->events = watch->events;
    connection_watch_set(connection, WATCH_HEADERS, deadline_ns);
    pthread_mutex_init(&connection->lock, NULL);
    struct epoll_event event = end_event(descriptor);
    pthread_mutex_lock(&watch->lock);
    bool added = make_room(watch, (size_t)descriptor);
    if (added) {
        watch->table[descriptor] = connection;
        added = epoll_ctl(watch->events, EPOLL_CTL_ADD, descriptor, &event) == 0;
    }
    if (!added && (size_t)descriptor < watch->room)
        watch->table[descriptor] = NULL;
    if (added && watch->count++ == 0)
        (void)eventfd_write(watch->wake, 1);
    pthread_mutex_unlock(&watch->lock);
    if (added)
        return connection;
    pthread_mutex_destroy(&connection->lock);
    mem_free(connection);
    return NULL;
}

void connection_watch_remove(connection_watch *watch, watched_connection *connection)
{
    if (connection == NULL)
        return;
    pthread_mutex_lock(&watch->lock);
    epoll_ctl(watch->events, EPOLL_CTL_DEL, connection->descriptor, NULL);
    watch->table[connection->descriptor] = NULL;
    watch->count--;
    pthread_mutex_unlock(&watch->lock);
    pthread_mutex_destroy(&connection->lock);
    mem_free(connection);
}

void connection_watch_end_idle(connection_watch *watch)
{
    pthread_mutex_lock(&watch->lock);
    for (size_t i = 0; i < watch->room; i++)
        if (watch->table[i] != NULL && atomic_load(&watch->table[i]->phase) == WATCH_HEADERS)
            end_idle(watch->table[i]);
    pthread_mutex_unlock(&watch->lock);
}

void connection_watch_set(watched_connection *connection, watch_phase phase, int64_t deadline_ns)
{
    if (connection == NULL)
        return;
    atomic_store(&connection->deadline_ns, deadline_ns);
    const bool waited = waits_for_client(connection);
    atomic_store(&connection->phase, phase);
    if (!waited && waits_for_client(connection) && atomic_load(&connection->ended))
        rearm(connection); /* the end came meanwhile, and was not shown */
}

bool connection_watch_expect(watched_connection *connection, connection_watch_gone_fn gone, void *cookie)
{
    if (connection == NULL)
        return true;
    pthread_mutex_lock(&connection->lock);
    bool there = !atomic_load(&connection->ended);
    connection->gone = there ? gone : NULL;
    connection->cookie = cookie;
    pthread_mutex_unlock(&connection->lock);
    return there;
}

void connection_watch_forget(watched_connection *connection)
{
    if (connection == NULL)
        return;
    pthread_mutex_lock(&connection->lock);
    connection->gone = NULL;
    pthread_mutex_unlock(&connection->lock);
}
