/* A way in: listening sockets, the threads that speak HTTP over the connections which come by them, and how many may be open.
 *
 * The first thread accepts, and gives each connection to the thread that has the fewest. Where all places are taken, addresses
 * share them fairly: an idle connection, or one with half a head, of the address that has the most of them makes room for one of an
 * address that has fewer. Else a connection too many is told so, and is not silently kept waiting. */
#ifndef HTTP_FRONT_H
#define HTTP_FRONT_H

#include "base/log.h"
#include "http/connection/listen_socket.h"
#include "http/stream.h"
#include "http/tls.h"

typedef struct http_front http_front;

typedef struct http_front_settings {
    http_handler handler;
    unsigned threads;
    tls *tls; /* for all sockets but unix ones; NULL = plain */
    bool h2c; /* HTTP/2 without TLS, for clients that know that it is spoken */
    size_t max_header_bytes;
    /* from a connection's opening, or a request's first byte, to its last header */
    int64_t header_timeout_ms;
    int64_t idle_timeout_ms, write_timeout_ms;
    unsigned max_connections;
    unsigned max_connections_per_address; /* 0 = no limit of its own */
    log_sink log;
} http_front_settings;

/* Takes over the sockets in any case. Errors: AKI_OUT_OF_MEMORY, AKI_IO_ERROR. */
AKI_MUST_CHECK aki_status http_front_open(http_front **out, listen_sockets *sockets,
                                          const http_front_settings *settings, aki_error *error);

/* Open connections; any thread. front NULL: 0. */
unsigned http_front_connections(const http_front *front);

/* Takes what is connecting at this moment, and then no new connections. Once it returns, they are all counted. Again is nothing
 * more. NULL allowed. */
void http_front_stop_listening(http_front *front);
/* Idle connections are closed, now and from now on; each reply is the last one of its connection. NULL allowed. */
void http_front_drain(http_front *front);
/* Ends the threads and closes what is open. No handler may be about to resume a stream. NULL allowed. */
void http_front_close(http_front *front);

#endif
