#include "slow.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { TICKS_PER_SECOND = 100, EVENTS = 256 };

static const char HEAD[] =
    "POST /api/v1/embed HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n";
static const char BODY[] = "Content-Length: 1000000\r\n\r\n{\"texts\":[\"";

typedef struct slow_client {
    connection link;
    size_t sent_bytes;
    int64_t opened_ns;
    enum { HEAD_BYTES, BODY_BYTES, HALF_HEAD } kind;
} slow_client;

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void note_age(const slow_client *c, slow_result *result)
{
    int64_t age_ns = now_ns() - c->opened_ns;
    if (age_ns > result->longest_ns)
        result->longest_ns = age_ns;
}

static bool open_slow(slow_client *c, const connection_target *target, int epoll)
{
    c->sent_bytes = 0;
    c->opened_ns = now_ns();
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = c};
    return connection_open(&c->link, target) && epoll_ctl(epoll, EPOLL_CTL_ADD, c->link.fd, &event) == 0;
}

/* A byte of headers, or after the whole head at once a byte of the body's text, or half of the head and no more. */
static ssize_t send_next(slow_client *c)
{
    char head[sizeof HEAD + sizeof BODY];
    if (c->kind == HALF_HEAD)
        return c->sent_bytes > 0 ? 0 : send(c->link.fd, HEAD, (sizeof HEAD - 1) / 2, MSG_NOSIGNAL);
    if (c->kind == BODY_BYTES && c->sent_bytes == 0)
        return send(c->link.fd, head, (size_t)snprintf(head, sizeof head, "%s%s", HEAD, BODY), MSG_NOSIGNAL);
    const char byte = c->kind == BODY_BYTES || c->sent_bytes >= sizeof HEAD - 1 ? 'x' : HEAD[c->sent_bytes];
    return send(c->link.fd, &byte, 1, MSG_NOSIGNAL);
}

static void take_turn(slow_client *c, const connection_target *target, int epoll, slow_result *result)
{
    if (c->link.fd < 0 && !open_slow(c, target, epoll)) {
        connection_close(&c->link);
        result->failed++;
        return;
    }
    ssize_t sent = send_next(c);
    if (sent > 0) {
        c->sent_bytes += (size_t)sent;
        result->bytes_sent += (uint64_t)sent;
    }
}

static void take_event(slow_client *c, slow_result *result)
{
    char ignored[4096];
    ssize_t got = recv(c->link.fd, ignored, sizeof ignored, 0);
    if (got > 0 || (got < 0 && errno == EAGAIN))
        return;
    note_age(c, result);
    result->closed_by_server++;
    connection_close(&c->link);
}

static bool run_clients(slow_client *clients, size_t count, const connection_target *target, int64_t ticks,
                        int epoll, int timer, void (*started)(void), slow_result *result)
{
    for (size_t i = 0; i < count; i++) {
        if (!open_slow(&clients[i], target, epoll)) {
            fprintf(stderr, "bench_load: slow connection %zu of %zu: %s\n", i + 1, count, strerror(errno));
            return false;
        }
    }
    started();
    const struct timespec period = {.tv_nsec = 1000000000 / TICKS_PER_SECOND};
    timerfd_settime(timer, 0, &(struct itimerspec){.it_interval = period, .it_value = period}, NULL);
    struct epoll_event events[EVENTS];
    for (int64_t tick = 0; tick < ticks;) {
        int ready = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.ptr != NULL) {
                take_event(events[i].data.ptr, result);
                continue;
            }
            uint64_t passed = 0;
            if (read(timer, &passed, sizeof passed) != sizeof passed)
                continue;
            for (; passed > 0 && tick < ticks; passed--, tick++)
                for (size_t j = (size_t)(tick % TICKS_PER_SECOND); j < count; j += TICKS_PER_SECOND)
                    take_turn(&clients[j], target, epoll, result);
        }
    }
    return true;
}

bool slow_run(const connection_target *target, size_t connections, bool half_heads, int64_t duration_ns,
              void (*started)(void), slow_result *result)
{
    slow_client *clients = calloc(connections, sizeof *clients);
    int epoll = epoll_create1(EPOLL_CLOEXEC),
        timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct epoll_event tick = {.events = EPOLLIN};
    bool good =
        clients != NULL && epoll >= 0 && timer >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &tick) == 0;
    for (size_t i = 0; clients != NULL && i < connections; i++) {
        clients[i].link.fd = -1;
        clients[i].kind = half_heads && i % 3 == 2 ? HALF_HEAD : i % 2 == 1 ? BODY_BYTES : HEAD_BYTES;
    }
    if (good)
        good = run_clients(clients, connections, target, duration_ns / (1000000000 / TICKS_PER_SECOND), epoll,
                           timer, started, result);
    else
        fprintf(stderr, "bench_load: cannot start: %s\n", strerror(errno));
    for (size_t i = 0; clients != NULL && i < connections; i++) {
        if (clients[i].link.fd >= 0) {
            note_age(&clients[i], result);
            result->open_at_end++;
        }
        connection_destroy(&clients[i].link);
    }
    free(clients);
    close(timer);
    close(epoll);
    return good;
}
