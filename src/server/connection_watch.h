/* Ends connections that the HTTP library would keep: senders that trickle, and senders that are gone.
 *
 * The library knows one timeout, for silence. A client that sends a byte now and then never meets it, and an end of
 * stream that arrives together with the last bytes goes unnoticed (the library reads from an edge-triggered event and
 * takes a short read for the whole). A thread looks over all connections a few times a second: one past its deadline
 * is shut down, and for one whose peer has ended sending in the middle of a request the library is woken to see it. */
#ifndef SERVER_CONNECTION_WATCH_H
#define SERVER_CONNECTION_WATCH_H

#include "akidb/embed.h"

typedef struct connection_watch connection_watch;
typedef struct watched_connection watched_connection;

/* What a connection waits for. */
typedef enum watch_phase {
    WATCH_HEADERS, /* its next request */
    WATCH_BODY,    /* the rest of a request */
    WATCH_REPLY,   /* us: nothing is ended in this phase */
} watch_phase;

/* Errors: AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status connection_watch_open(connection_watch **out, aki_error *error);
/* All connections must have been removed. NULL allowed. */
void connection_watch_close(connection_watch *watch);

/* NULL = out of memory: the connection goes unwatched. The descriptor must stay open until the removal. */
watched_connection *connection_watch_add(connection_watch *watch, int descriptor, int64_t deadline_ns);
/* connection NULL allowed in both. */
void connection_watch_remove(connection_watch *watch, watched_connection *connection);
void connection_watch_set(watched_connection *connection, watch_phase phase, int64_t deadline_ns);

#endif
