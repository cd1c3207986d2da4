/* Ends connections that the HTTP library would keep, and tells of clients that have left while they were worked for.
 *
 * The library knows one timeout, for silence. A client that sends or reads a byte now and then never meets it, an end of
 * stream that arrives together with the last bytes goes unnoticed (the library reads from an edge-triggered event and
 * takes a short read for the whole), and a suspended connection is not looked at at all. One thread waits for the ends
 * of all streams at once, which costs nothing while requests come and go, and looks over the deadlines a few times a
 * second: a connection past its deadline is shut down.
 *
 * When a peer has ended its side of a connection on which a request or the rest of one is awaited, the library is woken to
 * see it. It is woken again, after 1 ms, 2 ms, 4 ms and so on, while it has not read the bytes that came before the end.
 *
 * A connection that waits for its next request may get it in the moment in which it is ended, and its client would see a
 * reset. So it is not ended while something has just come on it, for up to two seconds: longer only a client takes that sends
 * its headers byte by byte. What crosses the end on the wire no server can save; clients repeat it (RFC 9110, 9.2.2). */
#ifndef SERVER_CONNECTION_WATCH_H
#define SERVER_CONNECTION_WATCH_H

#include "akidb/embed.h"

typedef struct connection_watch connection_watch;
typedef struct watched_connection watched_connection;

/* What a connection waits for. */
typedef enum watch_phase {
    WATCH_HEADERS, /* its next request */
    WATCH_BODY,    /* the rest of a request */
    WATCH_WORK,    /* us: nothing is ended in this phase */
    WATCH_REPLY,   /* its client, to take the reply */
} watch_phase;

/* Called from the watch's thread; must not call the watch. */
typedef void (*connection_watch_gone_fn)(void *cookie);

/* Errors: AKI_OUT_OF_MEMORY, AKI_IO_ERROR. */
AKI_MUST_CHECK aki_status connection_watch_open(connection_watch **out, aki_error *error);
/* All connections must have been removed. NULL allowed. */
void connection_watch_close(connection_watch *watch);

/* NULL = out of memory: the connection goes unwatched. The descriptor must stay open until the removal. */
watched_connection *connection_watch_add(connection_watch *watch, int descriptor, int64_t deadline_ns);
/* connection NULL allowed in all that follow. */
void connection_watch_remove(connection_watch *watch, watched_connection *connection);
/* Ends all connections that wait for a request, as at their deadline; those that get one meanwhile stay. To be called again
 * until none is left. */
void connection_watch_end_idle(connection_watch *watch);
void connection_watch_set(watched_connection *connection, watch_phase phase, int64_t deadline_ns);

/* Has `gone` called, once, when the client ends its side of the connection. False, and no call, where it has done so
 * already. A client that only ends its sending side, to read the reply later, is not told from one that closed. */
bool connection_watch_expect(watched_connection *connection, connection_watch_gone_fn gone, void *cookie);
/* When it returns, `gone` is not running and will not be called. */
void connection_watch_forget(watched_connection *connection);

#endif
