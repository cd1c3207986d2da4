/* The thread that accepts connections and hands them to the HTTP library. An own thread, so that listening can end
 * while connections go on, and so that one connection too many gets an answer instead of silence. */
#ifndef SERVER_ACCEPTOR_H
#define SERVER_ACCEPTOR_H

#include "base/buf.h"
#include "base/log.h"
#include "server/listen_socket.h"

#include <stdatomic.h>
#include <sys/socket.h>

typedef struct acceptor acceptor;

/* Takes over the descriptor in any case. */
typedef void (*acceptor_take_fn)(void *cookie, int descriptor, const struct sockaddr *address,
                                 socklen_t length);

/* Appends the whole HTTP reply for one connection too many. */
typedef void (*acceptor_refuse_fn)(void *cookie, buf *reply);

typedef struct acceptor_settings {
    acceptor_take_fn take;
    acceptor_refuse_fn refuse;
    void *cookie;
    const atomic_uint *open_connections;
    unsigned max_connections; /* at it, new ones are refused and closed */
    log_sink log;
} acceptor_settings;

/* Takes over the sockets in any case. Errors: AKI_OUT_OF_MEMORY, AKI_IO_ERROR. */
AKI_MUST_CHECK aki_status acceptor_open(acceptor **out, listen_sockets *sockets,
                                        const acceptor_settings *settings, aki_error *error);
/* Stops listening: when it returns, `take` is not called any more. NULL allowed. */
void acceptor_close(acceptor *a);

#endif
