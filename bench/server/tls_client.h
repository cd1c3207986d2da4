/* TLS of the load generator's connections, over sockets that do not block. Takes any certificate: what is measured is a server
 * of this machine, started a moment ago. Calls fail as those of sockets do: -1 and errno, EAGAIN where they must wait. */
#ifndef BENCH_TLS_CLIENT_H
#define BENCH_TLS_CLIENT_H

#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Credentials for all connections: they check no certificate. NULL without memory; freed by gnutls_certificate_free_credentials(). */
gnutls_certificate_credentials_t tls_client_credentials(void);

/* A session over `fd`, HTTP/1.1 by ALPN; NULL without memory. Freed by gnutls_deinit(), which leaves fd open. */
gnutls_session_t tls_client_session(gnutls_certificate_credentials_t credentials, int fd);

/* 0 when the handshake is done. */
int tls_client_handshake(gnutls_session_t session);
ssize_t tls_client_send(gnutls_session_t session, const void *data, size_t bytes);
/* 0 at the end. Tickets that come behind the handshake are taken on the way. */
ssize_t tls_client_receive(gnutls_session_t session, void *data, size_t bytes);

#endif
