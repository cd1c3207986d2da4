/* Bytes in and out of one connection, plain or over TLS. Nothing blocks. */
#ifndef HTTP_CONNECTION_LINK_H
#define HTTP_CONNECTION_LINK_H

#include "http/tls.h"

#include <gnutls/gnutls.h>
#include <sys/types.h>

/* TLS sessions of connections, with what http/tls.h has read from the files last. */

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

/* Results beside a count of bytes. */
#define LINK_AGAIN (-1)  /* nothing now: the next event of the descriptor tells */
#define LINK_BROKEN (-2) /* neither way works any more */

typedef struct http_link {
    int descriptor;
    gnutls_session_t session; /* NULL: plain */
    tls_identity *identity;
} http_link;

/* One piece of what is to be written. */
typedef struct link_piece {
    const char *data;
    size_t bytes;
} link_piece;

/* Takes over the descriptor in any case. t NULL = plain. False = no memory: it is closed. */
bool link_open(http_link *link, int descriptor, tls *t);
/* 0 = done; LINK_AGAIN; LINK_BROKEN, and the client was told why (an alert). Plain: done at once. */
int link_shake_hands(http_link *link);
/* After the handshake: HTTP/2 was agreed on. */
bool link_chose_h2(const http_link *link);
/* 0 = the client has ended its side. */
ssize_t link_read(http_link *link, void *data, size_t bytes);
/* Writes from the pieces, in order, as much as goes. Repeated after LINK_AGAIN, the pieces must begin with the same bytes. */
ssize_t link_write(http_link *link, const link_piece pieces[2]);
/* Tells the client that nothing more will come. */
void link_end_writing(http_link *link);
void link_close(http_link *link);

#endif
