#include "server/arrivals.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "server/low_water.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS 64
#define FIRST_ROOM 64
/* Thousands that are late at once, as slow clients are, end a few at a time; see connection_watch.c. */
#define ENDS_AT_LEAST 8
#define ENDS_SHARE 1000
#define HURRIED_TURN_MS 10

/* In the order of their deadlines, which is that of their coming. */
typedef struct arrival {
    struct arrival *next, *previous;
    int64_t deadline_ns;
    int descriptor;
    bool counted; /* in settings.addresses */
    socklen_t length;
    struct sockaddr_storage address;
} arrival;

struct arrivals {
    arrivals_settings settings;
    int events; /* epoll instance */
    arrival *first, *last;
    size_t count;
    pthread_mutex_t lock;  /* of the two below */
    int64_t *deadlines_ns; /* [room], by descriptor: of those handed over */
    size_t room;
};

aki_status arrivals_open(arrivals **out, const arrivals_settings *settings, aki_error *error)
{
    *out = NULL;
    arrivals *a = mem_zalloc(1, sizeof *a);
    if (a == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for new connections");
    a->settings = *settings;
    a->events = epoll_create1(EPOLL_CLOEXEC);
    if (a->events < 0) {
        mem_free(a);
        return error_set_errno(error, AKI_IO_ERROR, errno, "cannot open a descriptor to await requests");
    }
    pthread_mutex_init(&a->lock, NULL);
    *out = a;
    return AKI_OK;
}

/* It waits no longer; its descriptor is the caller's. */
static void release(arrivals *a, arrival *one)
{
    if (one->previous != NULL)
        one->previous->next = one->next;
    else
        a->first = one->next;
    if (one->next != NULL)
        one->next->previous = one->previous;
    else
        a->last = one->previous;
    a->count--;
    if (one->counted)
        address_count_remove(a->settings.addresses, (const struct sockaddr *)&one->address);
    atomic_fetch_sub(a->settings.open, 1);
    mem_free(one);
}

/* What it has sent is read away: closing a socket with unread bytes would reset the connection. */
static void end(arrivals *a, arrival *one)
{
    char unread[ARRIVALS_LEAST_BYTES];
    const int descriptor = one->descriptor;
    release(a, one);
    (void)!recv(descriptor, unread, sizeof unread, MSG_DONTWAIT);
    close(descriptor);
}

void arrivals_close(arrivals *a)
{
    if (a == NULL)
        return;
    while (a->first != NULL)
        end(a, a->first);
    close(a->events);
    pthread_mutex_destroy(&a->lock);
    mem_free(a->deadlines_ns);
    mem_free(a);
}

int arrivals_descriptor(const arrivals *a)
{
    return a->events;
}

/* Lock held. */
static bool make_room(arrivals *a, size_t descriptor)
{
    size_t room = a->room > 0 ? a->room : FIRST_ROOM;
    while (room <= descriptor)
        room *= 2;
    if (room <= a->room)
        return true;
    int64_t *deadlines_ns = mem_realloc(a->deadlines_ns, room, sizeof *deadlines_ns);
    if (deadlines_ns == NULL)
        return false;
    memset(deadlines_ns + a->room, 0, (room - a->room) * sizeof *deadlines_ns);
    a->deadlines_ns = deadlines_ns;
    a->room = room;
    return true;
}

static void hand_over(arrivals *a, int descriptor, int64_t deadline_ns, const struct sockaddr *address,
                      socklen_t length)
{
    pthread_mutex_lock(&a->lock);
    if (make_room(a, (size_t)descriptor))
        a->deadlines_ns[descriptor] = deadline_ns;
    pthread_mutex_unlock(&a->lock);
    a->settings.take(a->settings.cookie, descriptor, address, length);
}

static void hand_over_waiting(arrivals *a, arrival *one)
{
    const arrival copy = *one;
    epoll_ctl(a->events, EPOLL_CTL_DEL, copy.descriptor, NULL);
    (void)low_water_set(copy.descriptor, 1);
    atomic_fetch_add(a->settings.open, 1); /* counted until another count has it: a drain must not miss it */
    release(a, one);
    hand_over(a, copy.descriptor, copy.deadline_ns, (const struct sockaddr *)&copy.address, copy.length);
    atomic_fetch_sub(a->settings.open, 1);
}

static int64_t deadline_from_now_ns(const arrivals *a)
{
    return clock_monotonic_ns() + a->settings.timeout_ms * NS_PER_MS;
}

/* False: it cannot wait. */
static bool wait_for_bytes(arrivals *a, int descriptor, int64_t deadline_ns, const struct sockaddr *address,
                           socklen_t length)
{
    arrival *one = length <= sizeof one->address ? mem_zalloc(1, sizeof *one) : NULL;
    if (one == NULL)
        return false;
    *one = (arrival){.deadline_ns = deadline_ns, .descriptor = descriptor, .length = length};
    memcpy(&one->address, address, length);
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = one};
    if (!low_water_set(descriptor, ARRIVALS_LEAST_BYTES) ||
        epoll_ctl(a->events, EPOLL_CTL_ADD, descriptor, &event) != 0) {
        (void)low_water_set(descriptor, 1);
        mem_free(one);
        return false;
    }
    one->counted = address_count_add(a->settings.addresses, address);
    atomic_fetch_add(a->settings.open, 1);
    one->previous = a->last;
    if (a->last != NULL)
        a->last->next = one;
    else
        a->first = one;
    a->last = one;
    a->count++;
    return true;
}

void arrivals_add(arrivals *a, int descriptor, const struct sockaddr *address, socklen_t length)
{
    const int64_t deadline_ns = deadline_from_now_ns(a);
    if (address->sa_family == AF_UNIX || !wait_for_bytes(a, descriptor, deadline_ns, address, length))
        hand_over(a, descriptor, deadline_ns, address, length);
}

int arrivals_turn(arrivals *a)
{
    struct epoll_event events[EVENTS];
    const int count = epoll_wait(a->events, events, EVENTS, 0);
    for (int i = 0; i < count; i++)
        hand_over_waiting(a, events[i].data.ptr);
    const int64_t now_ns = clock_monotonic_ns();
    for (size_t left = ENDS_AT_LEAST + a->count / ENDS_SHARE; a->first != NULL; left--) {
        const int64_t early_ns = a->first->deadline_ns - now_ns;
        if (early_ns > 0)
            return (int)((early_ns + NS_PER_MS - 1) / NS_PER_MS);
        if (left == 0)
            return HURRIED_TURN_MS;
        end(a, a->first);
    }
    return -1;
}

void arrivals_hand_over_all(arrivals *a)
{
    while (a->first != NULL)
        hand_over_waiting(a, a->first);
}

int64_t arrivals_deadline_ns(arrivals *a, int descriptor)
{
    pthread_mutex_lock(&a->lock);
    const int64_t deadline_ns = (size_t)descriptor < a->room ? a->deadlines_ns[descriptor] : 0;
    pthread_mutex_unlock(&a->lock);
    return deadline_ns > 0 ? deadline_ns : deadline_from_now_ns(a);
}
