#include "http/connection/connection.h"

#include "base/clock.h"
#include "base/memory.h"
#include "http/connection/h2.h"

#include <linux/filter.h>
#include <sys/epoll.h>
#include <unistd.h>

/* While a drain goes on, for the rest of a head of which something has come. */
#define LAST_HEAD_NS NS_PER_S
/* For the next request on a connection that was just used, or opened: its client cannot know yet. */
#define LAST_REQUEST_NS (200 * NS_PER_MS)

static http_connection *connection_of(loop_task *task)
{
    return (http_connection *)((char *)task - offsetof(http_connection, task));
}

static void bury(loop_task *task)
{
    http_connection *c = connection_of(task);
    c->on_closed(c);
    mem_free(c);
}

static void go_on(loop_task *task)
{
    http_connection *c = connection_of(task);
    c->deferred = false;
    if (!c->closed) {
        http_connection_advance(c);
        return;
    }
    c->task.run = bury;
    http_loop_bury(c->loop, &c->task);
}

void http_connection_defer(http_connection *c)
{
    if (c->deferred || c->closed)
        return;
    c->deferred = true;
    c->task.run = go_on;
    http_loop_defer(c->loop, &c->task);
}

void http_connection_set_deadline(http_connection *c, int64_t due_ns)
{
    http_loop_set_timer(c->loop, &c->timer, due_ns);
}

void http_connection_close(http_connection *c)
{
    if (c->closed)
        return;
    c->closed = true;
    c->protocol->close(c);
    http_connection_set_deadline(c, TIMER_WHEEL_NEVER);
    /* Closing alone ends the watch only where no other descriptor of this socket is left, and a child process has all descriptors
     * between its start and its exec. */
    http_loop_unwatch(c->loop, c->link.descriptor);
    link_close(&c->link);
    if (c->in_list != NULL) {
        *c->in_list = c->next;
        if (c->next != NULL)
            c->next->in_list = c->in_list;
    }
    if (c->deferred)
        return; /* go_on comes, and buries it */
    c->task.run = bury;
    http_loop_bury(c->loop, &c->task);
}

/* The service ends. */
static void end_idle_soon(http_connection *c)
{
    const int64_t end_ns = c->idle_since_ns + LAST_REQUEST_NS;
    if (c->closed || !c->ready || !c->protocol->is_idle(c))
        return;
    if (clock_monotonic_ns() < end_ns)
        http_connection_set_deadline(c, end_ns);
    else
        http_connection_end_idle(c);
}

static void shake_hands(http_connection *c)
{
    switch (link_shake_hands(&c->link)) {
    case LINK_AGAIN:
        c->readable = c->writable = false;
        break;
    case LINK_BROKEN:
        link_end_writing(&c->link);
        http_connection_close(c);
        break;
    default:
        c->ready = true;
        c->readable = c->writable = true;
        if (link_chose_h2(&c->link) && !h2_begin(c, NULL, 0))
            http_connection_close(c);
    }
}

void http_connection_advance(http_connection *c)
{
    if (!c->closed && !c->ready)
        shake_hands(c);
    if (!c->closed && c->ready)
        c->protocol->advance(c);
    if (http_connection_is_draining(c))
        end_idle_soon(c);
}

static void on_event(loop_source *self, uint32_t events)
{
    http_connection *c = (http_connection *)self;
    if (c->closed)
        return;
    c->readable = c->readable || (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    c->writable = c->writable || (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0;
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0 && !c->peer_ended) {
        c->peer_ended = true;
        c->protocol->peer_ended(c);
    }
    http_connection_advance(c);
}

/* Lets no more packets in, or again; over a unix socket it changes nothing. */
static void shut_out(const http_connection *c, bool out)
{
    struct sock_filter drop_all[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
    const struct sock_fprog program = {.len = 1, .filter = drop_all};
    const int descriptor = c->link.descriptor;
    if (c->address.any.sa_family == AF_UNSPEC)
        return;
    if (out)
        (void)setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
    else
        (void)setsockopt(descriptor, SOL_SOCKET, SO_DETACH_FILTER, &program, sizeof program);
}

/* A filter drops packets that arrive while it looks. They are not acknowledged, so no request is lost with the connection. */
void http_connection_end_idle(http_connection *c)
{
    if (c->closed || !c->ready || !c->protocol->is_idle(c))
        return;
    shut_out(c, true);
    c->readable = true;
    c->protocol->advance(c);
    if (c->closed)
        return;
    if (!c->protocol->is_idle(c)) {
        shut_out(c, false);
        return;
    }
    if (c->protocol->leave != NULL)
        c->protocol->leave(c);
    if (!c->closed && c->link.session != NULL)
        link_end_writing(&c->link);
    http_connection_close(c);
}

bool http_connection_is_spare(const http_connection *c)
{
    return !c->closed && (!c->ready || c->protocol->is_spare(c));
}

void http_connection_end_spare(http_connection *c)
{
    if (c->ready && c->protocol->is_idle(c))
        http_connection_end_idle(c);
    else
        http_connection_close(c);
}

bool http_connection_is_draining(const http_connection *c)
{
    return atomic_load_explicit(c->draining, memory_order_relaxed);
}

int64_t http_connection_head_deadline_ns(const http_connection *c)
{
    const int64_t usual_ns = c->rules->header_timeout_ms * NS_PER_MS;
    return clock_monotonic_ns() +
           (http_connection_is_draining(c) && usual_ns > LAST_HEAD_NS ? LAST_HEAD_NS : usual_ns);
}

void http_connection_drain(http_connection *c)
{
    if (!c->ready)
        http_connection_set_deadline(c, http_connection_head_deadline_ns(c));
    else
        c->protocol->hurry(c);
    end_idle_soon(c);
}

static void on_deadline(loop_timer *self)
{
    http_connection *c = (http_connection *)((char *)self - offsetof(http_connection, timer));
    if (!c->closed && !c->ready)
        http_connection_close(c);
    else if (!c->closed)
        c->protocol->late(c);
}

void http_connection_begin(http_connection *c)
{
    c->source.run = on_event;
    c->timer.run = on_deadline;
    c->ready = c->link.session == NULL;
    c->readable = c->writable = true;
    c->idle_since_ns = clock_monotonic_ns();
    http_connection_set_deadline(c, http_connection_head_deadline_ns(c));
    if (!http_loop_watch(c->loop, c->link.descriptor, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, &c->source))
        http_connection_close(c);
    else
        http_connection_advance(c);
}
