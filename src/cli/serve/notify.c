#include "cli/serve/notify.h"

#include "base/clock.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

/* Signs of life per time that the manager waits for one. */
#define SIGNS 4
/* How long a message waits for a manager whose queue is full. */
#define SEND_TIMEOUT_S 5

static int64_t watchdog_ns(void)
{
    const char *microseconds = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    if (microseconds == NULL || (pid != NULL && strtol(pid, NULL, 10) != (long)getpid()))
        return 0;
    long long value = strtoll(microseconds, NULL, 10);
    return value > 0 && value < INT64_MAX / 1000 ? (int64_t)value * 1000 : 0;
}

void notify_open(notify *n)
{
    *n = (notify){.descriptor = -1, .address.sun_family = AF_UNIX};
    const char *name = getenv("NOTIFY_SOCKET");
    size_t length = name != NULL ? strlen(name) : 0;
    if (length < 2 || length >= sizeof n->address.sun_path || (name[0] != '/' && name[0] != '@'))
        return;
    memcpy(n->address.sun_path, name, length);
    if (name[0] == '@') /* of the abstract namespace */
        n->address.sun_path[0] = '\0';
    n->address_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    n->descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const struct timeval timeout = {.tv_sec = SEND_TIMEOUT_S};
    (void)setsockopt(n->descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    n->keep_alive_ns = watchdog_ns() / SIGNS;
}

void notify_close(notify *n)
{
    if (n->descriptor >= 0)
        close(n->descriptor);
    n->descriptor = -1;
}

static void send_message(const notify *n, const char *message, int flags)
{
    if (n->descriptor < 0)
        return;
    while (sendto(n->descriptor, message, strlen(message), MSG_NOSIGNAL | flags,
                  (const struct sockaddr *)&n->address, n->address_length) < 0 &&
           errno == EINTR)
        ;
}

void notify_send(const notify *n, const char *message)
{
    send_message(n, message, 0);
}

void notify_reloading(const notify *n)
{
    char message[80];
    snprintf(message, sizeof message, "RELOADING=1\nMONOTONIC_USEC=%lld",
             (long long)(clock_monotonic_ns() / 1000));
    notify_send(n, message);
}

void notify_alive(notify *n)
{
    const int64_t now_ns = clock_monotonic_ns();
    if (n->keep_alive_ns == 0 || now_ns - n->last_ns < n->keep_alive_ns)
        return;
    n->last_ns = now_ns;
    send_message(n, "WATCHDOG=1", MSG_DONTWAIT);
}
