/* Bytes in and out of one connection, plain or over TLS. Nothing blocks. */
#ifndef HTTP_CONNECTION_LINK_H
#define HTTP_CONNECTION_LINK_H

#include "http/connection/tls.h"

#include <sys/types.h>

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
