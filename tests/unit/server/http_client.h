/* The least that a test needs to talk to a server in its own process. */
#ifndef SERVER_HTTP_CLIENT_H
#define SERVER_HTTP_CLIENT_H

#include "unit.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <sys/socket.h>
#include <sys/un.h>

/* A connection to this port of the loopback interface, or -1. */
static inline int http_connect(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(s >= 0);
    if (connect(s, (struct sockaddr *)&address, sizeof address) == 0)
        return s;
    close(s);
    return -1;
}

static inline int http_connect_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    assert_true(strlen(path) < sizeof address.sun_path);
    memcpy(address.sun_path, path, strlen(path));
    const int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(s >= 0);
    if (connect(s, (struct sockaddr *)&address, sizeof address) == 0)
        return s;
    close(s);
    return -1;
}

/* What the server says until it closes the connection, which is closed here then. */
static inline void http_read(int connection, char *reply, size_t room)
{
    size_t length = 0;
    ssize_t got;
    while (length + 1 < room && (got = recv(connection, reply + length, room - length - 1, 0)) > 0)
        length += (size_t)got;
    reply[length] = '\0';
    close(connection);
}

/* The reply to one request without a body. */
static inline void http_ask(int connection, const char *method, const char *path, char *reply, size_t room)
{
    char request[300];
    const int length = snprintf(request, sizeof request,
                                "%s %s HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n"
                                "Content-Type: application/json\r\nConnection: close\r\n\r\n",
                                method, path);
    assert_true(connection >= 0);
    assert_int_equal(send(connection, request, (size_t)length, MSG_NOSIGNAL), length);
    http_read(connection, reply, room);
}

static inline void assert_reply(const char *reply, const char *status, const char *part)
{
    if (strncmp(reply, "HTTP/1.1 ", 9) != 0 || strncmp(reply + 9, status, strlen(status)) != 0 ||
        strstr(reply, part) == NULL)
        fail_msg("no %s with %s: %s", status, part, reply);
}

/* Descriptors that this process has open, but for those of the kernel's own files, which a server's thread that looks
 * after memory opens and closes all the time. */
static inline size_t open_descriptors(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char target[64];
        const ssize_t length = readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1);
        if (length < 0)
            continue; /* closed since, or no link */
        target[length] = '\0';
        count += strncmp(target, "/proc/", 6) != 0 && strncmp(target, "/sys/", 5) != 0;
    }
    closedir(folder);
    return count;
}

#endif
