/* The HTTP library's threads, which speak HTTP over the connections that the acceptor hands them. */
#ifndef SERVER_HTTP_DAEMON_H
#define SERVER_HTTP_DAEMON_H

#include "server/service.h"

/* Speaks TLS where s->tls is used and with_tls is set. Error: AKI_IO_ERROR. */
AKI_MUST_CHECK aki_status http_daemon_start(struct MHD_Daemon **out, server *s, bool with_tls,
                                            aki_error *error);

#endif
