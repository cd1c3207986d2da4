#include "http/front.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "http/connection/address_count.h"
#include "http/connection/connection.h"
#include "http/connection/h1.h"

#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define LOG_TARGET "server"
#define MAX_REFUSAL_BYTES ((size_t)8 << 10)
/* Connections accepted before those that are open get their turn. */
#define ACCEPTS_IN_A_TURN 64
/* While the process has no descriptors left, accepting would only spin. */
#define OUT_OF_DESCRIPTORS_PAUSE_NS (100 * INT64_C(1000000))

/* One thread and its connections. */
typedef struct worker {
    http_front *front;
    http_loop *loop;
    http_connection *first; /* of the loop's thread */
    atomic_uint count;
    loop_task draining;
} worker;

typedef struct listener {
    loop_source source;
    http_front *front;
    int descriptor;
} listener;

struct http_front {
    http_front_settings settings;
    http_connection_rules rules;
    address_count *addresses;
    listen_sockets sockets;
    listener listeners[LISTEN_SOCKETS_MAX + 1];
    size_t listening;      /* of them, registered with the first loop */
    loop_timer exhaustion; /* set while descriptors have run out */
    loop_task stopping;
    pthread_mutex_t lock; /* of asked and stopped */
    pthread_cond_t changed;
    bool asked;   /* to listen no more */
    bool stopped; /* listens no more */
    atomic_bool draining;
    atomic_uint open;
    size_t count; /* of workers */
    worker workers[];
};

/* ---- Connections ----------------------------------------------------------------------------------------------- */

static worker *worker_of(const http_connection *c)
{
    return c->loop->owner;
}

static void on_closed(http_connection *c)
{
    worker *w = worker_of(c);
    if (c->counted)
        address_count_remove(w->front->addresses, &c->address.any);
    atomic_fetch_sub(&w->count, 1);
    atomic_fetch_sub(&w->front->open, 1);
}

static void arrive(loop_task *task)
{
    http_connection *c = (http_connection *)((char *)task - offsetof(http_connection, task));
    worker *w = worker_of(c);
    c->next = w->first;
    c->in_list = &w->first;
    if (w->first != NULL)
        w->first->in_list = &c->next;
    w->first = c;
    http_connection_begin(c);
}

static worker *least_busy(http_front *front)
{
    worker *least = &front->workers[0];
    for (size_t i = 1; i < front->count; i++)
        if (atomic_load(&front->workers[i].count) < atomic_load(&least->count))
            least = &front->workers[i];
    return least;
}

static void set_address(http_connection *c, const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        memcpy(&c->address.v4, address, sizeof c->address.v4);
    else if (address->sa_family == AF_INET6)
        memcpy(&c->address.v6, address, sizeof c->address.v6);
}

static void take(http_front *front, int descriptor, const struct sockaddr *address)
{
    const bool local = address->sa_family == AF_UNIX;
    const int on = 1;
    http_connection *c = mem_zalloc(1, sizeof *c);
    if (c == NULL || !link_open(&c->link, descriptor, local ? NULL : front->settings.tls)) {
        if (c == NULL)
            close(descriptor);
        mem_free(c);
        return;
    }
    if (!local)
        (void)setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    worker *w = least_busy(front);
    c->loop = w->loop;
    c->handler = &front->settings.handler;
    c->rules = &front->rules;
    c->draining = &front->draining;
    c->protocol = &h1_protocol;
    c->on_closed = on_closed;
    c->task.run = arrive;
    set_address(c, address);
    c->counted = address_count_add(front->addresses, &c->address.any);
    atomic_fetch_add(&w->count, 1);
    atomic_fetch_add(&front->open, 1);
    if (w == &front->workers[0])
        arrive(&c->task);
    else
        http_loop_post(w->loop, &c->task);
}

/* ---- Accepting ------------------------------------------------------------------------------------------------- */

/* Reads away whatever a refused client has sent so far: closing a socket with unread bytes would make the system reset the
 * connection, and the reply would be lost with it. */
static void turn_away(http_front *front, int descriptor, http_refusal why, bool told)
{
    char unread[4096];
    const http_handler *handler = &front->settings.handler;
    http_reply reply;
    buf text;
    http_reply_init(&reply, 0);
    buf_init(&text, MAX_REFUSAL_BYTES);
    handler->turn_away(handler->cookie, why, &reply);
    const bool written =
        told && !reply.fields.failed &&
        h1_write_head(&text, &reply, http_date_text(&front->workers[0].loop->date, clock_wall_ns()),
                      H1_CONNECTION_CLOSE) &&
        buf_append(&text, reply.body, reply.body_bytes);
    if (written && send(descriptor, text.data, text.length, MSG_NOSIGNAL | MSG_DONTWAIT) > 0 &&
        shutdown(descriptor, SHUT_WR) == 0)
        while (recv(descriptor, unread, sizeof unread, MSG_DONTWAIT) > 0)
            ;
    buf_free(&text);
    http_reply_free(&reply);
    close(descriptor);
}

/* Ends a connection of the address that has the most, where that is more than the newcomer's has with it. Only those of this thread
 * are looked at: all have about as many of each address. */
static bool make_room(http_front *front, const struct sockaddr *newcomer)
{
    const unsigned open = atomic_load(&front->open);
    unsigned most = address_count_get(front->addresses, newcomer) + 1;
    http_connection *victim = NULL;
    for (http_connection *c = front->workers[0].first; c != NULL && most <= open / 2; c = c->next) {
        const unsigned count =
            http_connection_is_spare(c) ? address_count_get(front->addresses, &c->address.any) : 0;
        if (count > most) {
            most = count;
            victim = c;
        }
    }
    if (victim != NULL)
        http_connection_end_spare(victim);
    return victim != NULL && victim->closed;
}

static void let_in(http_front *front, int descriptor, const struct sockaddr *address)
{
    const bool told = front->settings.tls == NULL || address->sa_family == AF_UNIX;
    if (atomic_load(&front->open) >= front->settings.max_connections && !make_room(front, address))
        turn_away(front, descriptor, HTTP_REFUSED_FULL, told);
    else if (!address_count_has_room(front->addresses, address))
        turn_away(front, descriptor, HTTP_REFUSED_ADDRESS, told);
    else
        take(front, descriptor, address);
}

/* False when descriptors ran out. */
static bool accept_some(http_front *front, int listening, size_t most)
{
    for (size_t i = 0; i < most; i++) {
        struct sockaddr_storage address = {0};
        socklen_t length = sizeof address;
        const int descriptor =
            accept4(listening, (struct sockaddr *)&address, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (descriptor < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (descriptor < 0) {
            const bool exhausted = errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS;
            if (exhausted)
                log_write(&front->settings.log, AKI_LOG_WARN, LOG_TARGET,
                          "cannot accept a connection: %s; raise the limit of open files (ulimit -n)",
                          strerrordesc_np(errno));
            return !exhausted;
        }
        let_in(front, descriptor, (struct sockaddr *)&address);
    }
    return true;
}

static void unwatch_all(http_front *front)
{
    for (; front->listening > 0; front->listening--)
        http_loop_unwatch(front->workers[0].loop, front->listeners[front->listening - 1].descriptor);
}

static void on_connecting(loop_source *self, uint32_t events)
{
    const listener *l = (const listener *)self;
    http_front *front = l->front;
    (void)events;
    if (front->listening == 0 || accept_some(front, l->descriptor, ACCEPTS_IN_A_TURN))
        return;
    unwatch_all(front);
    http_loop_set_timer(front->workers[0].loop, &front->exhaustion,
                        clock_monotonic_ns() + OUT_OF_DESCRIPTORS_PAUSE_NS);
}

/* False = the system refused, and none is watched. */
static bool watch_all(http_front *front)
{
    while (front->listening < front->sockets.count) {
        listener *l = &front->listeners[front->listening];
        *l = (listener){{on_connecting}, front, front->sockets.descriptors[front->listening]};
        if (!http_loop_watch(front->workers[0].loop, l->descriptor, EPOLLIN, &l->source)) {
            unwatch_all(front);
            return false;
        }
        front->listening++;
    }
    return true;
}

static void on_exhaustion_over(loop_timer *self)
{
    http_front *front = (http_front *)((char *)self - offsetof(http_front, exhaustion));
    if (!watch_all(front))
        http_loop_set_timer(front->workers[0].loop, self, clock_monotonic_ns() + OUT_OF_DESCRIPTORS_PAUSE_NS);
}

/* ---- Opening and closing --------------------------------------------------------------------------------------- */

static void make_rules(http_front *front)
{
    const http_front_settings *settings = &front->settings;
    http_connection_rules *rules = &front->rules;
    *rules = (http_connection_rules){.h2c = settings->h2c,
                                     .max_header_bytes = settings->max_header_bytes,
                                     .header_timeout_ms = settings->header_timeout_ms,
                                     .idle_timeout_ms = settings->idle_timeout_ms,
                                     .write_timeout_ms = settings->write_timeout_ms};
    const char *body = settings->handler.out_of_memory;
    const int length =
        snprintf(rules->last_resort, sizeof rules->last_resort,
                 "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n"
                 "Content-Type: application/json\r\nRetry-After: 1\r\nContent-Length: %zu\r\n\r\n%s",
                 strlen(body), body);
    rules->last_resort_bytes = (size_t)length < sizeof rules->last_resort ? (size_t)length : 0;
}

static aki_status start_workers(http_front *front, aki_error *error)
{
    aki_status status = AKI_OK;
    for (size_t i = 0; i < front->settings.threads && status == AKI_OK; i++) {
        front->workers[i].front = front;
        status = http_loop_open(&front->workers[i].loop, &front->workers[i], error);
        if (status == AKI_OK)
            front->count++;
    }
    if (status == AKI_OK && !watch_all(front))
        status = error_set_errno(error, AKI_IO_ERROR, errno, "cannot wait for connections");
    for (size_t i = 0; i < front->count && status == AKI_OK; i++)
        status = http_loop_start(front->workers[i].loop, error);
    return status;
}

static void stop_listening(loop_task *task)
{
    http_front *front = (http_front *)((char *)task - offsetof(http_front, stopping));
    unwatch_all(front);
    http_loop_set_timer(front->workers[0].loop, &front->exhaustion, TIMER_WHEEL_NEVER);
    listen_sockets_refuse_new(&front->sockets);
    for (size_t i = 0; i < front->sockets.count; i++)
        (void)accept_some(front, front->sockets.descriptors[i], SIZE_MAX);
    listen_sockets_close(&front->sockets);
    pthread_mutex_lock(&front->lock);
    front->stopped = true;
    pthread_cond_broadcast(&front->changed);
    pthread_mutex_unlock(&front->lock);
}

aki_status http_front_open(http_front **out, listen_sockets *sockets, const http_front_settings *settings,
                           aki_error *error)
{
    *out = NULL;
    http_front *front = mem_zalloc(1, sizeof *front + settings->threads * sizeof front->workers[0]);
    if (front == NULL) {
        listen_sockets_close(sockets);
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to listen for connections");
    }
    front->settings = *settings;
    front->sockets = *sockets;
    front->exhaustion.run = on_exhaustion_over;
    front->stopping.run = stop_listening;
    *sockets = (listen_sockets){0};
    pthread_mutex_init(&front->lock, NULL);
    pthread_cond_init(&front->changed, NULL);
    make_rules(front);
    const unsigned most = settings->max_connections_per_address;
    aki_status status = address_count_open(&front->addresses, most > 0 ? most : UINT_MAX, error);
    if (status == AKI_OK)
        status = start_workers(front, error);
    if (status != AKI_OK) {
        http_front_close(front);
        return status;
    }
    *out = front;
    return AKI_OK;
}

unsigned http_front_connections(const http_front *front)
{
    return front != NULL ? atomic_load(&front->open) : 0;
}

void http_front_stop_listening(http_front *front)
{
    if (front == NULL)
        return;
    pthread_mutex_lock(&front->lock);
    if (!front->asked)
        http_loop_post(front->workers[0].loop, &front->stopping);
    front->asked = true;
    while (!front->stopped)
        pthread_cond_wait(&front->changed, &front->lock);
    pthread_mutex_unlock(&front->lock);
}

static void drain(loop_task *task)
{
    const worker *w = (const worker *)((char *)task - offsetof(worker, draining));
    for (http_connection *c = w->first, *next; c != NULL; c = next) {
        next = c->next;
        http_connection_drain(c);
    }
}

void http_front_drain(http_front *front)
{
    if (front == NULL || atomic_exchange(&front->draining, true))
        return;
    for (size_t i = 0; i < front->count; i++) {
        front->workers[i].draining.run = drain;
        http_loop_post(front->workers[i].loop, &front->workers[i].draining);
    }
}

void http_front_close(http_front *front)
{
    if (front == NULL)
        return;
    for (size_t i = 0; i < front->count; i++)
        http_loop_stop(front->workers[i].loop);
    for (size_t i = 0; i < front->count; i++) {
        while (front->workers[i].first != NULL)
            http_connection_close(front->workers[i].first);
        http_loop_close(front->workers[i].loop);
    }
    listen_sockets_close(&front->sockets);
    address_count_close(front->addresses);
    pthread_cond_destroy(&front->changed);
    pthread_mutex_destroy(&front->lock);
    mem_free(front);
}
