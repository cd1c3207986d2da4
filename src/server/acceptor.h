/* The thread that accepts connections and hands them to the HTTP library. An own thread, so that listening can end
 * while connections go on, and so that one connection too many gets an answer instead of silence. */
#ifndef SERVER_ACCEPTOR_H
#define SERVER_ACCEPTOR_H

#include "base/buf.h"
#include "base/log.h"
#include "server/arrivals.h"
#include "server/listen_socket.h"

#include <sys/socket.h>

typedef struct acceptor acceptor;

typedef arrivals_take_fn acceptor_take_fn;

/* Whether one more connection may be taken; where not, appends the whole HTTP reply for it, or nothing. */
typedef bool (*acceptor_has_room_fn)(void *cookie, const struct sockaddr *address, buf *refusal);

typedef struct acceptor_settings {
    acceptor_take_fn take;         /* where `arrivals` is NULL */
    arrivals *arrivals;            /* what is accepted waits here; to be closed after the acceptor */
    acceptor_has_room_fn has_room; /* where it has none, the connection is answered and closed */
    void *cookie;
    log_sink log;
} acceptor_settings;

/* Takes over the sockets in any case. Errors: AKI_OUT_OF_MEMORY, AKI_IO_ERROR. */
AKI_MUST_CHECK aki_status acceptor_open(acceptor **out, listen_sockets *sockets,
                                        const acceptor_settings *settings, aki_error *error);
/* Stops listening; what still waited among the arrivals is handed over. When it returns, `take` is not called any more. NULL
 * allowed. */
void acceptor_close(acceptor *a);

#endif
