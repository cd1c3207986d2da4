/* HTTP/1.0 and 1.1 over one connection (RFC 9112): a request at a time, pipelined ones in their order.
 *
 * While a request is answered nothing more is read, so that a client that does not read its replies cannot pile up requests. A
 * body is read away before its reply, so that a client that is still sending does not see a reset; where a reply comes before the
 * whole request, or after a fault, the connection ends with it: its sending side first, and the rest once the client has had the
 * time to read (RFC 9112 section 9.6). */
#ifndef HTTP_CONNECTION_H1_H
#define HTTP_CONNECTION_H1_H

#include "http/connection/connection.h"
#include "http/reply.h"

extern const http_protocol h1_protocol;

/* The head of a reply as HTTP/1.1 writes it. */

/* "Connection: …" of a reply. */
typedef enum h1_connection_field {
    H1_CONNECTION_NONE, /* HTTP/1.1 stays open */
    H1_CONNECTION_CLOSE,
    H1_CONNECTION_KEEP, /* for HTTP/1.0, which would close */
} h1_connection_field;

/* Appends status line and fields, the empty line included. date: the value of Date. False: out->failed. */
bool h1_write_head(buf *out, const http_reply *reply, const char *date, h1_connection_field connection);

#endif
