/* TLS sessions of connections, with what http/tls.h has read from the files last. */
#ifndef HTTP_CONNECTION_TLS_H
#define HTTP_CONNECTION_TLS_H

#include "http/tls.h"

#include <gnutls/gnutls.h>

#define TLS_PRIORITIES                                                                                       \
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:"                            \
    "-CIPHER-ALL:+AES-256-GCM:+CHACHA20-POLY1305:+AES-128-GCM:-MAC-ALL:+AEAD:%SERVER_PRECEDENCE"

/* Certificate, key, client CA and OCSP response, as one reading of the files found them. */
typedef struct tls_identity tls_identity;

/* A server's session over the descriptor, non-blocking, with what was read last: the identity, which is released after the
 * session's end. Only protocols that this server speaks are negotiated (ALPN); a client that offers none of them is refused with
 * an alert. Session tickets are valid with the identity that they were given under: after a reload clients show their
 * certificates again. Their keys rotate. False = no memory. Thread-safe. */
bool tls_session_open(tls *t, int descriptor, gnutls_session_t *session, tls_identity **identity);
/* NULL allowed. */
void tls_identity_release(tls_identity *identity);

#endif
