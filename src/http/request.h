/* A request's head as its handler sees it, whatever the version of HTTP that it came by. All texts are NUL-terminated: the
 * reader refuses heads with a NUL. */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fields that one head, or one trailer section, may have. */
#define HTTP_MAX_FIELDS 100
/* Bytes of a request's target. */
#define HTTP_MAX_TARGET_BYTES 8192

typedef enum http_version { HTTP_VERSION_1_0, HTTP_VERSION_1_1, HTTP_VERSION_2 } http_version;

/* Offsets into http_request.text. */
typedef struct http_field {
    uint32_t name, value;
} http_field;

typedef struct http_request {
    const char *text;         /* what the offsets are of; may move until the whole head is there */
    uint32_t method, target;  /* offsets, counted from 1; 0 = not read */
    const http_field *fields; /* [count], in their order */
    size_t count;
    http_version version;
    size_t head_bytes;   /* request line and fields, with the ends of their lines */
    bool announced;      /* body_bytes is known */
    bool chunked;        /* the body's length shows at its end */
    uint64_t body_bytes; /* 0 where it is not known */
} http_request;

/* "" where there is none. */
const char *http_request_method(const http_request *request);
/* As it was sent: a path with or without a query, a whole URI, or "*". */
const char *http_request_target(const http_request *request);
/* The target's path, [*length] without its query: that of "http://host/path", a form that every server must understand, or of
 * "/path"; "*" is itself. Not NUL-terminated. */
const char *http_request_path(const http_request *request, size_t *length);
/* True for the methods that HTTP has (RFC 9110 section 9, RFC 5789). */
bool http_method_exists(const char *method);
/* The value of the first field of that name, in any letter case; NULL = there is none. */
const char *http_request_header(const http_request *request, const char *name);

static inline const char *http_field_name(const http_request *request, size_t index)
{
    return request->text + request->fields[index].name;
}

static inline const char *http_field_value(const http_request *request, size_t index)
{
    return request->text + request->fields[index].value;
}

/* Appends all fields of that name as one list, as if they had been one (RFC 9110 section 5.3), in any letter case. */
void http_request_join(const http_request *request, const char *name, buf *out);

/* True where the list of tokens `value` (RFC 9110 section 5.6.1) has this one, in any letter case. NULL allowed: false. */
bool http_list_has(const char *value, const char *token);

#endif
