#include "idle.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Under way at a time: fewer than the backlog of any server, whose connections would be tried again after a second. */
enum { AT_ONCE = 100, EVENTS = 256, PATIENCE_MS = 30000 };

typedef struct idle_round {
    const connection_target *target;
    const request_body *request;
    connection *links;
    size_t count, opened, answered;
    int epoll;
} idle_round;

static bool open_next(idle_round *r)
{
    connection *c = &r->links[r->opened++];
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
    return connection_open(c, r->target) && epoll_ctl(r->epoll, EPOLL_CTL_ADD, c->fd, &event) == 0;
}

/* The generator holds no buffer for a connection that will hear nothing more. */
static bool take_reply(idle_round *r, connection *c)
{
    if (c->head.status != 200) {
        errno = EPROTO;
        return false;
    }
    r->answered++;
    c->request = NULL;
    free(c->input);
    c->input = NULL;
    c->capacity = c->input_bytes = 0;
    return true;
}

static bool advance(idle_round *r, connection *c)
{
    bool asked = c->request != NULL;
    if (c->has_head && !asked) { /* has its reply */
        if (!connection_is_quiet(c))
            connection_close(c);
        return true;
    }
    switch (connection_advance(c)) {
    case CONNECTION_BROKEN:
        return false;
    case CONNECTION_COMPLETE:
        return take_reply(r, c);
    case CONNECTION_WAITING:
        return asked || !c->connected || connection_ask(c, r->request->request, r->request->request_bytes);
    }
    return false;
}

static bool open_all(idle_round *r)
{
    struct epoll_event events[EVENTS];
    while (r->answered < r->count) {
        while (r->opened < r->count && r->opened - r->answered < AT_ONCE)
            if (!open_next(r))
                return false;
        int ready = epoll_wait(r->epoll, events, EVENTS, PATIENCE_MS);
        if (ready == 0)
            errno = ETIMEDOUT;
        if (ready == 0 || (ready < 0 && errno != EINTR))
            return false;
        for (int i = 0; i < ready; i++)
            if (!advance(r, events[i].data.ptr))
                return false;
    }
    return true;
}

bool idle_run(const connection_target *target, const request_body *request, size_t connections,
              int64_t duration_ns, void (*started)(void), idle_result *result)
{
    idle_round r = {.target = target, .request = request, .count = connections};
    r.links = calloc(connections, sizeof *r.links);
    r.epoll = epoll_create1(EPOLL_CLOEXEC);
    for (size_t i = 0; r.links != NULL && i < connections; i++)
        r.links[i].fd = -1;
    bool good = r.links != NULL && r.epoll >= 0 && open_all(&r);
    if (good) {
        started();
        poll(&(struct pollfd){.fd = STDIN_FILENO, .events = POLLIN}, 1, (int)(duration_ns / 1000000));
    } else {
        fprintf(stderr, "bench_load: idle connection %zu of %zu: %s\n", r.answered + 1, connections,
                strerror(errno));
    }
    for (size_t i = 0; r.links != NULL && i < connections; i++) {
        if (r.links[i].fd >= 0 && connection_is_quiet(&r.links[i]))
            result->open_at_end++;
        connection_destroy(&r.links[i]);
    }
    result->closed_by_server = connections - result->open_at_end;
    free(r.links);
    if (r.epoll >= 0)
        close(r.epoll);
    return good;
}
