/* Heads of requests that come by HTTP/2. The library decodes them and refuses what RFC 9113 forbids; what HTTP/1 refuses in a head
 * (h1_head.h) is refused here: its size, the count of its fields, the target, the host. Trailers are dropped. */
#ifndef HTTP_CONNECTION_H2_HEAD_H
#define HTTP_CONNECTION_H2_HEAD_H

#include "http/connection/h2_stream.h"

/* Has the library open a stream for each head, and fill it with the head's fields. */
void h2_head_receive(nghttp2_session_callbacks *callbacks);
/* The head is whole: checks it and tells the handler. ends: no body follows. The stream may have ended when it returns. */
void h2_head_take(h2_session *s, h2_stream *h, bool ends);

#endif
