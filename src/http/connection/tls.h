/* TLS for connections: certificate, key and, where clients must show a certificate, the CA that
 * signs theirs. The files can be read again while the server runs: new connections use what was read last, open ones
 * keep what they began with. TLS 1.2 and 1.3, with forward secrecy (ECDHE) and authenticated encryption only: a
 * server's key that is stolen later does not decrypt recorded traffic. */
#ifndef HTTP_CONNECTION_TLS_H
#define HTTP_CONNECTION_TLS_H

#include "akidb/embed.h"

#include <gnutls/gnutls.h>

#define TLS_PRIORITIES                                                                                       \
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:"                            \
    "-CIPHER-ALL:+AES-256-GCM:+CHACHA20-POLY1305:+AES-128-GCM:-MAC-ALL:+AEAD:%SERVER_PRECEDENCE"

typedef struct tls tls;
/* What was read from the files at one time. */
typedef struct tls_identity tls_identity;

typedef struct tls_files {
    const char *certificate; /* PEM: the server's, and those between it and its CA */
    const char *key;         /* PEM */
    const char *client_ca;   /* PEM; NULL = clients need no certificate */
    const char
        *ocsp; /* DER or PEM: a response of the CA about the certificate, for clients that ask; NULL = none */
} tls_files;

/* Copies the names. Errors: AKI_INVALID_ARGUMENT (the files are not what they should be), AKI_IO_ERROR,
 * AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status tls_open(tls **out, const tls_files *files, aki_error *error);
/* NULL allowed. */
void tls_close(tls *t);

/* Reads the files again; on an error all stays as it was. Errors as tls_open's. Thread-safe. */
AKI_MUST_CHECK aki_status tls_reload(tls *t, aki_error *error);

/* The OCSP response has ended, or says that the certificate is revoked: it is not sent. Thread-safe. */
bool tls_ocsp_is_unfit(tls *t);

/* When the certificate that new connections use ends, in seconds since the Unix epoch; of a chain the one that
 * ends first. Thread-safe. */
int64_t tls_certificate_end(tls *t);

/* A server's session over the descriptor, non-blocking, with what was read last: the identity, which is released after the
 * session's end. Only protocols that this server speaks are negotiated (ALPN); a client that offers none of them is refused with
 * an alert. Session tickets are valid with the identity that they were given under: after a reload clients show their
 * certificates again. Their keys rotate. False = no memory. Thread-safe. */
bool tls_session_open(tls *t, int descriptor, gnutls_session_t *session, tls_identity **identity);
/* NULL allowed. */
void tls_identity_release(tls_identity *identity);

#endif
