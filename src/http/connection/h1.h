/* HTTP/1.0 and 1.1 over one connection (RFC 9112): a request at a time, pipelined ones in their order.
 *
 * While a request is answered nothing more is read, so that a client that does not read its replies cannot pile up requests. A
 * body is read away before its reply, so that a client that is still sending does not see a reset; where a reply comes before the
 * whole request, or after a fault, the connection ends with it: its sending side first, and the rest once the client has had the
 * time to read (RFC 9112 section 9.6). */
#ifndef HTTP_CONNECTION_H1_H
#define HTTP_CONNECTION_H1_H

#include "http/connection/connection.h"

extern const http_protocol h1_protocol;

#endif
