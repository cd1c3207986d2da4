/* Replies that leave by HTTP/2: a head and the body's bytes, which the library asks for as the client's windows open. A stream that
 * has its whole reply while its request is still coming is reset without an error, so that the client sends no more of it.
 *
 * Trailers, where there are any, follow the body. The body of a reply in pieces ends when its handler says so; while there is no
 * piece the library is told to wait. */
#ifndef HTTP_CONNECTION_H2_REPLY_H
#define HTTP_CONNECTION_H2_REPLY_H

#include "http/connection/h2_stream.h"

/* Of h2_stream.stream. */
extern const connection_stream_ways h2_reply_ways;

/* Has the library tell of the frames that it sends. */
void h2_reply_send(nghttp2_session_callbacks *callbacks);

#endif
