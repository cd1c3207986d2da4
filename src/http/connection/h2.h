/* HTTP/2 over one connection (RFC 9113), by libnghttp2: frames, HPACK, flow control and the rules of headers are the library's;
 * streams, their deadlines and the bounds are ours.
 *
 * Bounded are: streams at a time, the header list, requests that a client cancels and that still cost work, and frames that bring
 * nothing (SETTINGS, PING, RST_STREAM, PRIORITY, empty DATA): a client that sends many of them is told ENHANCE_YOUR_CALM and closed.
 * While the client does not take what it was sent, nothing more is read.
 *
 * Here are the connection's input and output, its bounds, its deadlines and its end; heads, replies and streams
 * are h2_stream.h's. */
#ifndef HTTP_CONNECTION_H2_H
#define HTTP_CONNECTION_H2_H

#include "http/connection/connection.h"

/* "PRI * HTTP/2.0" and so on, with which a client begins. */
#define H2_PREFACE_BYTES 24

extern const http_protocol h2_protocol;

/* True where data[0..length) is the beginning of a client's preface, or begins with the whole of it. */
bool h2_is_preface(const char *data, size_t length);

/* Makes the connection, on which nothing is under way, one of HTTP/2, and reads what has come already. False = no memory. */
bool h2_begin(http_connection *c, const char *data, size_t length);

#endif
