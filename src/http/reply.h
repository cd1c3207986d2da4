/* A reply as its handler makes it, whatever the version of HTTP that it leaves by. */
#ifndef HTTP_REPLY_H
#define HTTP_REPLY_H

#include <stdbool.h>

#include "base/buf.h"

typedef struct http_reply {
    unsigned status;
    buf fields;        /* name NUL value NUL, for each */
    char *body;        /* [body_bytes], to be freed by mem_free; NULL where there is none */
    size_t body_bytes; /* also where the request was HEAD */
    buf trailers;      /* as fields; they follow the body over HTTP/2, and are left out over HTTP/1 */
    bool closes;       /* the connection ends with it */
} http_reply;

void http_reply_init(http_reply *reply, unsigned status);
void http_reply_free(http_reply *reply);

/* Adds a field; where memory runs out reply->fields.failed is set, and the reply is replaced by the one for lack of memory. The
 * texts are copied; a value must have no line ends. */
void http_reply_add(http_reply *reply, const char *name, const char *value);
/* Likewise for a trailer. */
void http_reply_add_trailer(http_reply *reply, const char *name, const char *value);

/* Hands over what the buffer holds, and leaves it empty. False when there is no memory. */
bool http_reply_take_body(http_reply *reply, buf *body);

/* The next field from *at on, which begins as NULL; false after the last. */
bool http_reply_next(const http_reply *reply, const char **at, const char **name, const char **value);
/* Likewise of the trailers. */
bool http_reply_next_trailer(const http_reply *reply, const char **at, const char **name, const char **value);

/* True for the statuses of replies that have no body and do not say how long it is: a 304's would be that of the reply which it
 * stands for (RFC 9110 section 8.6). */
static inline bool http_reply_is_bare(const http_reply *reply)
{
    return reply->status == 204 || reply->status == 304;
}

/* "Not Found"; "" for a status that is not among ours. */
const char *http_reply_reason(unsigned status);

/* Why a request cannot be read as HTTP. The connection ends with its reply: where the next request would begin is not known. */

typedef enum http_fault_kind {
    HTTP_FAULT_NONE,
    HTTP_FAULT_MALFORMED,       /* 400 */
    HTTP_FAULT_HEAD_TOO_LARGE,  /* 431 */
    HTTP_FAULT_TARGET_TOO_LONG, /* 414 */
    HTTP_FAULT_NOT_IMPLEMENTED, /* 501 */
    HTTP_FAULT_VERSION,         /* 505 */
} http_fault_kind;

typedef struct http_fault {
    http_fault_kind kind;
    char message[160];
} http_fault;

/* Keeps the first fault. Returns false, so that readers write `return http_fault_set(...)`. */
bool http_fault_set(http_fault *fault, http_fault_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
