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

/* The x-request-id of a request: the caller's, where it is fit to be echoed into a header, or a new one. */

#define REQUEST_ID_MAX 128

/* given: the caller's header value or NULL; taken when it is 1 to REQUEST_ID_MAX visible ASCII characters. Otherwise
 * 128 random bits as 32 hexadecimal digits. */
void request_id_choose(const char *given, char out[REQUEST_ID_MAX + 1]);

/* How long a caller is willing to wait, as it says in a header of its request. */

/* x-request-timeout-ms: a whole number of milliseconds, 1 to 9 digits, not 0. False where it is anything else. */
bool request_timeout_parse_ms(const char *text, int64_t *timeout_ns);

/* grpc-timeout (grpc/grpc doc/PROTOCOL-HTTP2.md): 1 to 8 digits, not 0, and one of H M S m u n for hours, minutes,
 * seconds, milli-, micro- and nanoseconds. False where it is anything else. */
bool request_timeout_parse_grpc(const char *text, int64_t *timeout_ns);

/* x-stainless-read-timeout, as OpenAI's and Cohere's clients send it: seconds, 1 to 6 digits, and decimals, of which three
 * count. False where it is anything else, or less than a millisecond. */
bool request_timeout_parse_seconds(const char *text, int64_t *timeout_ns);

/* Paths of routes, in which one {name} may stand for one or more characters. */

bool route_path_matches(const char *pattern, const char *path);
/* Writes what the path has in the place of {name}, percent-decoded, cut to room - 1 bytes; "" where the pattern has none, or is
 * not matched. */
void route_path_value(const char *pattern, const char *path, char *out, size_t room);

#endif
