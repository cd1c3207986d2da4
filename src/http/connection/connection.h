/* One connection: its descriptor, its deadline, its place among others; what is spoken over it is its protocol's.
 *
 * It belongs to one loop from its arrival to its end. A connection that waits for a request has no memory but this. */
#ifndef HTTP_CONNECTION_CONNECTION_H
#define HTTP_CONNECTION_CONNECTION_H

#include "http/connection/link.h"
#include "http/connection/stream.h"

#include <netinet/in.h>

typedef struct http_connection http_connection;

#define HTTP_LAST_RESORT_BYTES 1024

/* A version of HTTP. */
typedef struct http_protocol {
    /* Does whatever can be done now. */
    void (*advance)(http_connection *c);
    /* The deadline has come. */
    void (*late)(http_connection *c);
    /* The client has ended its side, or the connection broke. */
    void (*peer_ended)(http_connection *c);
    /* True where it waits for a request of which nothing has come. */
    bool (*is_idle)(const http_connection *c);
    /* True where no handler knows of a request: it is idle, or a head is not whole. */
    bool (*is_spare)(const http_connection *c);
    /* The service ends: a head of which something has come gets a little time for the rest. */
    void (*hurry)(http_connection *c);
    /* The connection is about to be closed while it is idle; NULL = there is nothing to say. */
    void (*leave)(http_connection *c);
    /* Ends what is under way and frees it. */
    void (*close)(http_connection *c);
} http_protocol;

/* Limits and timeouts that all connections of one way in share. */
typedef struct http_connection_rules {
    size_t max_header_bytes;
    bool h2c; /* HTTP/2 without TLS, for clients that know */
    int64_t header_timeout_ms, idle_timeout_ms, write_timeout_ms;
    /* A whole reply of HTTP/1.1 where there is no memory for any other. */
    char last_resort[HTTP_LAST_RESORT_BYTES];
    size_t last_resort_bytes;
} http_connection_rules;

struct http_connection {
    loop_source source;
    loop_task task; /* of its arrival, then of going on in the next turn, at last of being freed */
    loop_timer timer;
    http_loop *loop;
    const http_handler *handler;
    const http_connection_rules *rules;
    const atomic_bool *draining;
    http_connection *next, **in_list; /* among those of its loop */
    http_link link;
    const http_protocol *protocol;
    void *session; /* the protocol's; NULL while nothing is under way */
    bool readable, writable;
    bool peer_ended;
    bool ready; /* the TLS handshake, if any, is done */
    bool deferred;
    bool closed;
    bool counted; /* in the owner's count of addresses */
    unsigned requests;
    int64_t spaced_ns;     /* when its last spaced reply was, or is, sent; 0 = none yet */
    int64_t idle_since_ns; /* its opening, or the end of its last request */
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address;
    void (*on_closed)(http_connection *c); /* the owner's, before it is freed */
};

/* Begins on the loop's thread; c is taken over. */
void http_connection_begin(http_connection *c);
void http_connection_advance(http_connection *c);
/* Goes on in the loop's next turn, after the other connections. */
void http_connection_defer(http_connection *c);
void http_connection_set_deadline(http_connection *c, int64_t due_ns);
/* Where nothing has come that may be a request: closes it. No request that the system has acknowledged is lost. */
void http_connection_end_idle(http_connection *c);
/* True where it can be closed for the sake of another one. */
bool http_connection_is_spare(const http_connection *c);
/* Closes a spare one, unless it turns out that a request has come meanwhile. */
void http_connection_end_spare(http_connection *c);
/* The service ends: closes it where it is idle. */
void http_connection_drain(http_connection *c);
bool http_connection_is_draining(const http_connection *c);
/* When a head of which something came now must be whole. */
int64_t http_connection_head_deadline_ns(const http_connection *c);
/* Closes it now; freed at the end of the loop's turn. */
void http_connection_close(http_connection *c);

#endif
