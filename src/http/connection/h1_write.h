/* The head of a reply as HTTP/1.1 writes it. */
#ifndef HTTP_CONNECTION_H1_WRITE_H
#define HTTP_CONNECTION_H1_WRITE_H

#include "http/reply.h"

/* "Connection: …" of a reply. */
typedef enum h1_connection_field {
    H1_CONNECTION_NONE, /* HTTP/1.1 stays open */
    H1_CONNECTION_CLOSE,
    H1_CONNECTION_KEEP, /* for HTTP/1.0, which would close */
} h1_connection_field;

/* Appends status line and fields, the empty line included. date: the value of Date. False: out->failed. */
bool h1_write_head(buf *out, const http_reply *reply, const char *date, h1_connection_field connection);

#endif
