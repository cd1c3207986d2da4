/* The HTTP library's threads, which speak HTTP over the connections that the acceptor hands them. */
#ifndef SERVER_HTTP_DAEMON_H
#define SERVER_HTTP_DAEMON_H

#include "server/service.h"

typedef enum http_daemon_kind {
    HTTP_DAEMON_PLAIN,
    HTTP_DAEMON_TLS,   /* s->tls is there */
    HTTP_DAEMON_ADMIN, /* one thread, connections of its own, no TLS */
} http_daemon_kind;

/* Error: AKI_IO_ERROR. */
AKI_MUST_CHECK aki_status http_daemon_start(struct MHD_Daemon **out, server *s, http_daemon_kind kind,
                                            aki_error *error);

#endif
