/* One keep-alive connection of the load generator, with or without TLS: non-blocking, one request at a time. Not thread-safe.
 *
 * open -> (connected) -> send -> advance until it says COMPLETE -> read head and body -> send … */
#ifndef BENCH_CONNECTION_H
#define BENCH_CONNECTION_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "reply.h"
#include "tls_client.h"

/* Where to connect to. */
typedef struct connection_target {
    struct sockaddr_in address;
    gnutls_certificate_credentials_t tls; /* NULL: no TLS */
} connection_target;

typedef struct connection {
    int fd;               /* -1: closed */
    gnutls_session_t tls; /* owned; NULL: no TLS */
    bool connected;       /* and the TLS handshake is done */
    const char *request;  /* not owned; NULL: nothing is asked */
    size_t request_bytes;
    size_t sent_bytes;
    char *input; /* owned, kept from request to request */
    size_t input_bytes;
    size_t capacity;
    bool has_head;
    reply_head head;
} connection;

typedef enum {
    CONNECTION_WAITING,  /* for the socket */
    CONNECTION_COMPLETE, /* a whole reply: head, and body at input + head.head_bytes */
    CONNECTION_BROKEN,   /* refused, closed, malformed */
} connection_progress;

/* Closes what was open. False with errno when there is no socket or it cannot connect. */
bool connection_open(connection *c, const connection_target *target);
void connection_close(connection *c);
/* Frees the buffer as well. */
void connection_destroy(connection *c);

/* True while nothing has come on an idle connection: not its end either, which the server may have sent since the last event
 * was taken. Clients that keep connections look before they use one again; one that is not quiet can only be closed. */
bool connection_is_quiet(connection *c);

/* Sends what the socket takes at once; connection_advance sends the rest. request must live until the reply is complete.
 * False: broken. */
bool connection_ask(connection *c, const char *request, size_t request_bytes);

/* Does all that can be done without waiting; to be called again whenever epoll reports the socket (edge-triggered). */
connection_progress connection_advance(connection *c);

#endif
