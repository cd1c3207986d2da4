#include "sink.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { EVENTS = 256, BACKLOG = 4096 };

static bool watch(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.fd = fd};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static void take_clients(int epoll, int listening)
{
    for (int fd; (fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;)
        if (!watch(epoll, fd))
            close(fd);
}

static void read_away(int fd)
{
    char ignored[4096];
    const ssize_t got = recv(fd, ignored, sizeof ignored, 0);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        close(fd);
}

static void run(int epoll, int listening, int timer)
{
    struct epoll_event events[EVENTS];
    for (;;) {
        const int ready = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == timer)
                return;
            if (events[i].data.fd == listening)
                take_clients(epoll, listening);
            else
                read_away(events[i].data.fd);
        }
    }
}

bool sink_run(const struct sockaddr_in *address, int64_t duration_ns, void (*started)(void))
{
    const int yes = 1;
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int epoll = epoll_create1(EPOLL_CLOEXEC), timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    const struct itimerspec end = {
        .it_value = {.tv_sec = duration_ns / 1000000000, .tv_nsec = duration_ns % 1000000000}};
    bool good = listening >= 0 && epoll >= 0 && timer >= 0 &&
                setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
                bind(listening, (const struct sockaddr *)address, sizeof *address) == 0 &&
                listen(listening, BACKLOG) == 0 && watch(epoll, listening) && watch(epoll, timer) &&
                timerfd_settime(timer, 0, &end, NULL) == 0;
    if (good) {
        started();
        run(epoll, listening, timer);
    } else {
        fprintf(stderr, "bench_load: cannot listen: %s\n", strerror(errno));
    }
    close(timer);
    close(epoll);
    close(listening);
    return good; /* the system closes the connections */
}
