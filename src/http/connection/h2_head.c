/* Heads of requests that come by HTTP/2. The library decodes them and refuses what RFC 9113 forbids; what HTTP/1 refuses in a head
 * (h1_head.h) is refused here: its size, the count of its fields, the target, the host. Trailers are dropped. */
#include "http/connection/h2_stream.h"

#include "http/page_guard.h"

#include <string.h>
#include <strings.h>

/* As a line of HTTP/1 has around name and value. */
#define FIELD_REST_BYTES 4

static uint32_t append_text(h2_stream *h, const uint8_t *bytes, size_t length)
{
    const uint32_t at = (uint32_t)h->text.length;
    if (!buf_append(&h->text, bytes, length) || !buf_append_char(&h->text, '\0'))
        return UINT32_MAX;
    h->stream.face.request.text = h->text.data;
    return at;
}

static bool is_name(const uint8_t *name, size_t length, const char *wanted)
{
    return strlen(wanted) == length && memcmp(name, wanted, length) == 0;
}

static void refuse(h2_stream *h, http_fault_kind kind, const char *message)
{
    (void)http_fault_set(&h->fault, kind, "%s", message);
}

static void take_pseudo(h2_stream *h, const uint8_t *name, size_t length, uint32_t value)
{
    if (is_name(name, length, ":method"))
        h->stream.face.request.method = value + 1;
    else if (is_name(name, length, ":path"))
        h->stream.face.request.target = value + 1;
    else if (is_name(name, length, ":authority"))
        h->authority = value + 1;
}

static void take_field(h2_stream *h, const uint8_t *name, size_t name_bytes, uint32_t value)
{
    http_request *request = &h->stream.face.request;
    if (request->count == HTTP_MAX_FIELDS) {
        (void)http_fault_set(&h->fault, HTTP_FAULT_HEAD_TOO_LARGE,
                             "the request has more headers than the %d allowed", HTTP_MAX_FIELDS);
        return;
    }
    const uint32_t at = append_text(h, name, name_bytes);
    if (at != UINT32_MAX)
        h->fields[request->count++] = (http_field){at, value};
}

static int on_header(nghttp2_session *library, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_bytes, const uint8_t *value, size_t value_bytes, uint8_t flags, void *cookie)
{
    (void)flags;
    h2_stream *h = nghttp2_session_get_stream_user_data(library, frame->hd.stream_id);
    const http_connection *c = cookie;
    if (h == NULL || h->streaming)
        return 0; /* trailers are dropped */
    h->head_bytes += name_bytes + value_bytes + FIELD_REST_BYTES;
    if (h->head_bytes > c->rules->max_header_bytes)
        (void)http_fault_set(&h->fault, HTTP_FAULT_HEAD_TOO_LARGE,
                             "the request's headers have more than the %zu bytes allowed",
                             c->rules->max_header_bytes);
    if (h->fault.kind != HTTP_FAULT_NONE)
        return 0;
    const uint32_t at = append_text(h, value, value_bytes);
    if (at == UINT32_MAX)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (name_bytes > 0 && name[0] == ':')
        take_pseudo(h, name, name_bytes, at);
    else
        take_field(h, name, name_bytes, at);
    return h->text.failed ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE : 0;
}

/* Refuses the request; without this callback the library would drop the header and go on. */
static int on_invalid_header(nghttp2_session *library, const nghttp2_frame *frame, nghttp2_rcbuf *name,
                             nghttp2_rcbuf *value, uint8_t flags, void *cookie)
{
    (void)name;
    (void)value;
    (void)flags;
    (void)cookie;
    h2_stream *h = nghttp2_session_get_stream_user_data(library, frame->hd.stream_id);
    if (h != NULL)
        refuse(h, HTTP_FAULT_MALFORMED, "a header's name or value holds a character that it cannot have");
    return 0;
}

static int on_begin_headers(nghttp2_session *library, const nghttp2_frame *frame, void *cookie)
{
    http_connection *c = cookie;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    h2_stream *h = h2_stream_open(c, frame->hd.stream_id, &h2_reply_ways);
    if (h == NULL)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    (void)nghttp2_session_set_stream_user_data(library, frame->hd.stream_id, h);
    return 0;
}

static void check_target(h2_stream *h)
{
    const char *target = http_request_target(&h->stream.face.request);
    if (strcmp(http_request_method(&h->stream.face.request), "CONNECT") == 0)
        refuse(h, HTTP_FAULT_NOT_IMPLEMENTED, "CONNECT is not supported: this server is no proxy");
    else if (strlen(target) > HTTP_MAX_TARGET_BYTES)
        (void)http_fault_set(&h->fault, HTTP_FAULT_TARGET_TOO_LONG,
                             "the request's target has more than the %d bytes allowed",
                             HTTP_MAX_TARGET_BYTES);
    else if (target[0] != '/' && strcmp(target, "*") != 0)
        refuse(h, HTTP_FAULT_MALFORMED, "the request's path must begin with a slash");
    for (const char *at = target; *at != '\0'; at++)
        if (*at <= ' ' || *at == 0x7F || *at == '#')
            refuse(h, HTTP_FAULT_MALFORMED, "the request's path holds a character that must be escaped");
}

/* :authority stands for Host, which must be the same where both are there. */
static void check_host(h2_stream *h)
{
    http_request *request = &h->stream.face.request;
    const char *host = http_request_header(request, "host");
    if (h->authority == 0 && host == NULL) {
        refuse(h, HTTP_FAULT_MALFORMED, "neither :authority nor Host is there");
        return;
    }
    const char *authority = h->authority > 0 ? request->text + h->authority - 1 : host;
    if (host != NULL && strcasecmp(host, authority) != 0)
        refuse(h, HTTP_FAULT_MALFORMED, ":authority and Host are not the same");
    else if (!host_header_valid(authority))
        refuse(h, HTTP_FAULT_MALFORMED, "the host must be a name or an address, and a port where need be");
    if (host != NULL || h->fault.kind != HTTP_FAULT_NONE)
        return;
    const uint32_t name = append_text(h, (const uint8_t *)"host", 4);
    if (name != UINT32_MAX)
        h->fields[request->count++] = (http_field){name, h->authority - 1};
}

static void look_at_body(h2_stream *h, bool ends)
{
    http_request *request = &h->stream.face.request;
    const char *length = http_request_header(request, "content-length");
    const char *expect = http_request_header(request, "expect");
    request->announced = length != NULL || ends;
    request->chunked = !request->announced; /* its length shows at its end */
    for (const char *at = length;
         at != NULL && *at >= '0' && *at <= '9' && request->body_bytes < UINT64_MAX / 20; at++)
        request->body_bytes = request->body_bytes * 10 + (uint64_t)(*at - '0');
    h->expects = !ends && expect != NULL && strcasecmp(expect, "100-continue") == 0;
}

void h2_head_take(h2_session *s, h2_stream *h, bool ends)
{
    static const nghttp2_nv leave[] = {
        {(uint8_t *)(uintptr_t) ":status", (uint8_t *)(uintptr_t) "100", 7, 3, NGHTTP2_NV_FLAG_NONE}};
    http_request *request = &h->stream.face.request;
    request->head_bytes = h->head_bytes;
    if (h->fault.kind == HTTP_FAULT_NONE) {
        check_target(h);
        check_host(h);
        look_at_body(h, ends);
    }
    const http_fault *fault = h->fault.kind != HTTP_FAULT_NONE ? &h->fault : NULL;
    const int32_t id = h->id;
    h->streaming = true;
    connection_stream_tell_head(&h->stream, fault);
    if (nghttp2_session_get_stream_user_data(s->library, id) != h || h->replied)
        return;
    if (ends || fault != NULL)
        h2_stream_complete(h, fault);
    else if (h->expects)
        (void)nghttp2_submit_headers(s->library, NGHTTP2_FLAG_NONE, id, NULL, leave, 1, NULL);
}

void h2_head_receive(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback2(callbacks, on_invalid_header);
}
