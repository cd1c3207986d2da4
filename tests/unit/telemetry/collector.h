/* A collector on the loopback interface that says what a test tells it to: one thread, one connection at a time, requests
 * of HTTP/1.1 with a Content-Length. */
#ifndef TELEMETRY_COLLECTOR_H
#define TELEMETRY_COLLECTOR_H

#include "unit.h"

#include "base/buf.h"
#include "base/thread.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <strings.h>
#include <sys/socket.h>

#define COLLECTOR_TAKES_ALL                                                                                  \
    "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n"

typedef struct collector {
    int listening;
    uint16_t port;
    char url[80];
    pthread_t thread;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t changed;
    const void *answer; /* [answer_bytes], to each request; NULL = none ever comes */
    size_t answer_bytes;
    bool hangs_up; /* after an answer */
    bool closing;
    int connection; /* -1 = none */
    unsigned connections, requests;
    char head[8192]; /* of the last request */
    buf body;
} collector;

/* Reads until the end of the headers, and from then on until the end of the body; false when the connection ended before. */
static inline bool collector_read(collector *c, int connection)
{
    buf request;
    buf_init(&request, (size_t)4 << 20);
    size_t head = 0, body = 0;
    while (head == 0 || request.length < head + body) {
        char piece[4096];
        const ssize_t got = recv(connection, piece, sizeof piece, 0);
        if (got <= 0 || !buf_append(&request, piece, (size_t)got))
            break;
        const char *end = strstr(request.data, "\r\n\r\n"),
                   *length = strcasestr(request.data, "Content-Length:");
        if (head == 0 && end != NULL) {
            head = (size_t)(end - request.data) + 4;
            body = length != NULL && length < end ? strtoul(length + 15, NULL, 10) : 0;
        }
    }
    const bool whole = head > 0 && request.length >= head + body;
    pthread_mutex_lock(&c->lock);
    if (whole) {
        snprintf(c->head, sizeof c->head, "%.*s", (int)head, request.data);
        buf_clear(&c->body);
        buf_append(&c->body, request.data + head, body);
        c->requests++;
        pthread_cond_broadcast(&c->changed);
    }
    pthread_mutex_unlock(&c->lock);
    buf_free(&request);
    return whole;
}

static inline void collector_serve(collector *c, int connection)
{
    while (collector_read(c, connection)) {
        pthread_mutex_lock(&c->lock);
        const void *answer = c->answer;
        const size_t bytes = c->answer_bytes;
        const bool hangs_up = c->hangs_up;
        pthread_mutex_unlock(&c->lock);
        if (answer != NULL)
            (void)send(connection, answer, bytes, MSG_NOSIGNAL);
        if (hangs_up)
            return;
    }
}

static inline void *collector_run(void *argument)
{
    collector *c = argument;
    int connection;
    while ((connection = accept(c->listening, NULL, NULL)) >= 0) {
        pthread_mutex_lock(&c->lock);
        const bool closing = c->closing;
        c->connection = connection;
        c->connections++;
        pthread_cond_broadcast(&c->changed);
        pthread_mutex_unlock(&c->lock);
        if (!closing)
            collector_serve(c, connection);
        pthread_mutex_lock(&c->lock);
        c->connection = -1;
        pthread_mutex_unlock(&c->lock);
        close(connection);
    }
    return NULL;
}

/* Listens, and nothing more: what connects is never answered. */
static inline void collector_listen(collector *c)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    *c = (collector){.listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .connection = -1};
    assert_true(c->listening >= 0);
    assert_int_equal(bind(c->listening, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(c->listening, 16), 0);
    assert_int_equal(getsockname(c->listening, (struct sockaddr *)&address, &length), 0);
    c->port = ntohs(address.sin_port);
    snprintf(c->url, sizeof c->url, "http://127.0.0.1:%u/v1/traces", c->port);
    setenv("no_proxy", "127.0.0.1", 1); /* of whoever runs the tests */
}

static inline void collector_open_bytes(collector *c, const void *answer, size_t bytes)
{
    collector_listen(c);
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->changed, NULL);
    buf_init(&c->body, (size_t)4 << 20);
    c->answer = answer;
    c->answer_bytes = bytes;
    assert_true(thread_start(&c->thread, collector_run, c, "collector"));
}

static inline void collector_open(collector *c, const char *answer)
{
    collector_open_bytes(c, answer, answer != NULL ? strlen(answer) : 0);
}

/* To the requests that come from now on. */
static inline void collector_answer(collector *c, const char *answer)
{
    pthread_mutex_lock(&c->lock);
    c->answer = answer;
    c->answer_bytes = strlen(answer);
    pthread_mutex_unlock(&c->lock);
}

static inline void collector_hang_up(collector *c)
{
    pthread_mutex_lock(&c->lock);
    c->hangs_up = true;
    pthread_mutex_unlock(&c->lock);
}

/* Returns when so many requests have come: what they said may be looked at until the next one. */
static inline void collector_wait(collector *c, unsigned requests)
{
    pthread_mutex_lock(&c->lock);
    while (c->requests < requests)
        pthread_cond_wait(&c->changed, &c->lock);
    pthread_mutex_unlock(&c->lock);
}

static inline void collector_close(collector *c)
{
    pthread_mutex_lock(&c->lock);
    c->closing = true;
    shutdown(c->listening, SHUT_RDWR);
    if (c->connection >= 0)
        shutdown(c->connection, SHUT_RDWR);
    pthread_mutex_unlock(&c->lock);
    pthread_join(c->thread, NULL);
    close(c->listening);
    buf_free(&c->body);
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
}

#endif
