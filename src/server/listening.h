/* The ways in: sockets and the HTTP threads behind them; for clients, and on the admin port for those who watch and operate the
 * service. The admin port has a thread and connections of its own, so that it answers when the main one is full. */
#ifndef SERVER_LISTENING_H
#define SERVER_LISTENING_H

#include "http/front.h"
#include "server/service.h"

/* Fills the server's fronts and ports. What was begun is closed by listening_close on failure as well.
 * Errors: as those of listen_sockets_open, AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status listening_start(server *s, aki_error *error);
/* Takes what was connecting at this moment, and then no new clients. The admin port goes on. */
void listening_stop(server *s);
/* Ends the HTTP threads and the admin port. No request may be about to be resumed. */
void listening_close(server *s);

/* From a connection to a route: opens the exchange with the request's head, has the headers checked, collects the
 * body or throws it away, hands the complete request to its route, and frees the exchange at the end. */

/* Fills all of it but turn_away and the cookie, which is a way_in. */
void arrival_handle(http_handler *handler);

/* The end of a service: in order and without losing a request. */

/* server_drain of server.h. */
bool drain_run(server *s);

/* Waits until no request is under way; false when the time ran out before. */
bool drain_wait(server *s, int64_t timeout_ms);

#endif
