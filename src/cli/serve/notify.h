/* Telling a service manager what goes on: systemd's notification protocol, sd_notify(3), one datagram a message to the socket
 * that $NOTIFY_SOCKET names. It is a documented, stable interface of a few lines, which does not ask for a library of its own.
 * Where nobody listens, nothing is sent. */
#ifndef CLI_SERVE_NOTIFY_H
#define CLI_SERVE_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

typedef struct notify {
    int descriptor; /* -1: nobody listens */
    struct sockaddr_un address;
    socklen_t address_length;
    int64_t keep_alive_ns; /* 0 = the manager has no watchdog for us */
    int64_t last_ns;       /* of the last sign of life; of the thread that gives them */
} notify;

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID of the environment. */
void notify_open(notify *n);
void notify_close(notify *n);

/* Messages such as "READY=1" or "STATUS=loading the model"; several in one with newlines between. Any thread. Waits up to
 * five seconds for a manager that has not read what was sent before: a lost READY=1 would never be sent again. */
void notify_send(const notify *n, const char *message);
/* To be called before and "READY=1" after values are read again. */
void notify_reloading(const notify *n);
/* A sign of life, as often as the manager wants one, however often this is called. Never waits: one that the manager has
 * no room for is dropped, and the next follows. From one thread. */
void notify_alive(notify *n);

#endif
