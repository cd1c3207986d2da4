/* TLS for connections: certificate, key and, where clients must show a certificate, the CA that
 * signs theirs. The files can be read again while the server runs: new connections use what was read last, open ones
 * keep what they began with. TLS 1.2 and 1.3, with forward secrecy (ECDHE) and authenticated encryption only: a
 * server's key that is stolen later does not decrypt recorded traffic. */
#ifndef HTTP_TLS_H
#define HTTP_TLS_H

#include "akidb/embed.h"

typedef struct tls tls;

typedef struct tls_files {
    const char *certificate; /* PEM: the server's, and those between it and its CA */
    const char *key;         /* PEM */
    const char *client_ca;   /* PEM; NULL = clients need no certificate */
    /* DER or PEM: a response of the CA about the certificate, for clients that ask; NULL = none */
    const char *ocsp;
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

#endif
