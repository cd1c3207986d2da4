#include "connection.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

bool connection_open(connection *c, const connection_target *target)
{
    connection_close(c);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return false;
    const int on = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const struct sockaddr_in *address = &target->address;
    if (connect(c->fd, (const struct sockaddr *)address, sizeof *address) == 0) {
        c->connected = target->tls == NULL;
    } else if (errno != EINPROGRESS) {
        connection_close(c);
        return false;
    }
    if (target->tls != NULL && (c->tls = tls_client_session(target->tls, c->fd)) == NULL) {
        connection_close(c);
        errno = ENOMEM;
        return false;
    }
    return true;
}

void connection_close(connection *c)
{
    if (c->tls != NULL)
        gnutls_deinit(c->tls);
    c->tls = NULL;
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    c->connected = c->has_head = false;
    c->request = NULL;
    c->input_bytes = 0;
}

void connection_destroy(connection *c)
{
    connection_close(c);
    free(c->input);
    *c = (connection){.fd = -1};
}

static bool would_wait(void)
{
    return errno == EAGAIN || errno == EINTR;
}

/* false: broken */
static bool send_request(connection *c)
{
    while (c->request != NULL && c->sent_bytes < c->request_bytes) {
        const char *rest = c->request + c->sent_bytes;
        size_t bytes = c->request_bytes - c->sent_bytes;
        ssize_t sent =
            c->tls != NULL ? tls_client_send(c->tls, rest, bytes) : send(c->fd, rest, bytes, MSG_NOSIGNAL);
        if (sent < 0)
            return would_wait();
        c->sent_bytes += (size_t)sent;
    }
    return true;
}

bool connection_is_quiet(connection *c)
{
    char byte;
    ssize_t got = c->tls != NULL ? tls_client_receive(c->tls, &byte, 1)
                                 : recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got < 0 && would_wait();
}

bool connection_ask(connection *c, const char *request, size_t request_bytes)
{
    c->request = request;
    c->request_bytes = request_bytes;
    c->sent_bytes = c->input_bytes = 0;
    c->has_head = false;
    return send_request(c);
}

static bool reserve_input(connection *c)
{
    size_t wanted = c->has_head ? c->head.head_bytes + c->head.body_bytes + 1 : c->input_bytes + 4096;
    if (wanted <= c->capacity)
        return true;
    char *grown = realloc(c->input, wanted);
    if (grown == NULL)
        return false;
    c->input = grown;
    c->capacity = wanted;
    return true;
}

static connection_progress receive_reply(connection *c)
{
    for (;;) {
        if (!reserve_input(c))
            return CONNECTION_BROKEN;
        char *room = c->input + c->input_bytes;
        size_t bytes = c->capacity - c->input_bytes;
        ssize_t got = c->tls != NULL ? tls_client_receive(c->tls, room, bytes) : recv(c->fd, room, bytes, 0);
        if (got < 0)
            return would_wait() ? CONNECTION_WAITING : CONNECTION_BROKEN;
        if (got == 0 || c->request == NULL)
            return CONNECTION_BROKEN;
        c->input_bytes += (size_t)got;
        if (!c->has_head) {
            reply_parsed parsed = reply_parse_head(c->input, c->input_bytes, &c->head);
            if (parsed == REPLY_MALFORMED)
                return CONNECTION_BROKEN;
            c->has_head = parsed == REPLY_PARSED;
        }
        size_t whole = c->head.head_bytes + c->head.body_bytes;
        if (c->has_head && c->input_bytes >= whole)
            return c->input_bytes == whole ? CONNECTION_COMPLETE : CONNECTION_BROKEN;
    }
}

connection_progress connection_advance(connection *c)
{
    if (!c->connected) {
        struct sockaddr_in peer;
        socklen_t bytes = sizeof peer;
        if (getpeername(c->fd, (struct sockaddr *)&peer, &bytes) != 0) {
            int problem = 0;
            bytes = sizeof problem;
            getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &problem, &bytes);
            return problem == 0 ? CONNECTION_WAITING : CONNECTION_BROKEN;
        }
        if (c->tls != NULL && tls_client_handshake(c->tls) != 0)
            return would_wait() ? CONNECTION_WAITING : CONNECTION_BROKEN;
        c->connected = true;
    }
    return send_request(c) ? receive_reply(c) : CONNECTION_BROKEN;
}
