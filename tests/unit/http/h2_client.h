/* A client of HTTP/2 for tests of the front: libnghttp2's, over a plain connection. */
#ifndef H2_CLIENT_H
#define H2_CLIENT_H

#include "server/http_client.h"
#include "http/front_service.h"

#include "http/connection/h2.h"

#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>

#define MAX_REQUESTS 256
#define BODY_BYTES ((size_t)1 << 20)
#define HANG_MS 30000

typedef struct exchange {
    unsigned status, interim;
    char trailer[64]; /* the value of x-end */
    char *body;       /* [BODY_BYTES + 1] */
    size_t length;
    const char *to_send;
    size_t left;
    uint32_t error;
    bool closed, reads;
} exchange;

typedef struct client {
    nghttp2_session *library;
    int connection;
    exchange exchanges[2 * MAX_REQUESTS + 2]; /* by the stream's number */
    uint32_t goaway;
    bool ended, mute, was_told; /* mute: the server takes no more */
} client;

static inline exchange *of(client *c, int32_t id)
{
    assert_true(id >= 0 && (size_t)id < sizeof c->exchanges / sizeof c->exchanges[0]);
    return &c->exchanges[id];
}

static inline int on_header(nghttp2_session *library, const nghttp2_frame *frame, const uint8_t *name,
                            size_t name_bytes, const uint8_t *value, size_t value_bytes, uint8_t flags,
                            void *cookie)
{
    (void)library, (void)flags;
    exchange *x = of(cookie, frame->hd.stream_id);
    for (size_t i = 0; i < name_bytes; i++)
        assert_false(name[i] >= 'A' && name[i] <= 'Z');
    if (name_bytes == 5 && memcmp(name, "x-end", 5) == 0)
        snprintf(x->trailer, sizeof x->trailer, "%.*s", (int)value_bytes, (const char *)value);
    if (name_bytes != 7 || memcmp(name, ":status", 7) != 0)
        return 0;
    const unsigned status = (unsigned)strtoul((const char *)value, NULL, 10);
    if (status < 200)
        x->interim = status;
    else
        x->status = status;
    return 0;
}

static inline int on_data(nghttp2_session *library, uint8_t flags, int32_t id, const uint8_t *data,
                          size_t length, void *cookie)
{
    (void)library, (void)flags;
    exchange *x = of(cookie, id);
    if (x->body == NULL)
        assert_non_null(x->body = calloc(1, BODY_BYTES + 1));
    assert_true(x->length + length <= BODY_BYTES);
    memcpy(x->body + x->length, data, length);
    x->length += length;
    return 0;
}

static inline int on_close(nghttp2_session *library, int32_t id, uint32_t code, void *cookie)
{
    (void)library;
    of(cookie, id)->closed = true;
    of(cookie, id)->error = code;
    return 0;
}

static inline int on_frame(nghttp2_session *library, const nghttp2_frame *frame, void *cookie)
{
    (void)library;
    client *c = cookie;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        c->was_told = true;
        c->goaway = frame->goaway.error_code;
    }
    return 0;
}

static inline client *open_client(void)
{
    client *c = calloc(1, sizeof *c);
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *options;
    assert_non_null(c);
    c->connection = http_connect(service.port);
    assert_true(c->connection >= 0);
    assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
    assert_int_equal(nghttp2_option_new(&options), 0);
    nghttp2_option_set_peer_max_concurrent_streams(options, MAX_REQUESTS);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    assert_int_equal(nghttp2_session_client_new2(&c->library, callbacks, c, options), 0);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(options);
    assert_int_equal(nghttp2_submit_settings(c->library, NGHTTP2_FLAG_NONE, NULL, 0), 0);
    return c;
}

static inline void close_client(client *c)
{
    nghttp2_session_del(c->library);
    for (size_t i = 0; i < sizeof c->exchanges / sizeof c->exchanges[0]; i++)
        free(c->exchanges[i].body);
    close(c->connection);
    free(c);
}

/* Sends all that there is, as far as it goes. */
static inline void push(client *c)
{
    const uint8_t *data;
    ssize_t length;
    while (!c->mute && (length = nghttp2_session_mem_send(c->library, &data)) > 0)
        while (length > 0) {
            const ssize_t sent = send(c->connection, data, (size_t)length, MSG_NOSIGNAL);
            if (sent <= 0) {
                c->mute = true;
                break;
            }
            data += sent;
            length -= sent;
        }
}

/* Sends, and reads once. */
static inline void turn(client *c)
{
    uint8_t data[16384];
    push(c);
    struct pollfd polled = {.fd = c->connection, .events = POLLIN};
    assert_int_equal(poll(&polled, 1, HANG_MS), 1);
    const ssize_t got = recv(c->connection, data, sizeof data, 0);
    if (got <= 0)
        c->ended = true;
    else
        assert_true(nghttp2_session_mem_recv(c->library, data, (size_t)got) >= 0);
}

static inline exchange *await(client *c, int32_t id)
{
    while (!of(c, id)->closed && !c->ended)
        turn(c);
    return of(c, id);
}

static inline ssize_t read_body(nghttp2_session *library, int32_t id, uint8_t *out, size_t room,
                                uint32_t *flags, nghttp2_data_source *source, void *cookie)
{
    (void)library, (void)id, (void)cookie;
    exchange *x = source->ptr;
    const size_t bytes = x->left < room ? x->left : room;
    memcpy(out, x->to_send, bytes);
    x->to_send += bytes;
    x->left -= bytes;
    if (x->left == 0)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)bytes;
}

static inline nghttp2_nv pair(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name), strlen(value),
                        NGHTTP2_NV_FLAG_NONE};
}

static inline int32_t ask_with(client *c, const nghttp2_nv *pairs, size_t count, const char *body,
                               size_t length)
{
    const int32_t next = (int32_t)nghttp2_session_get_next_stream_id(c->library);
    exchange *x = of(c, next);
    x->to_send = body;
    x->left = length;
    const nghttp2_data_provider provider = {.source.ptr = x, .read_callback = read_body};
    assert_int_equal(
        nghttp2_submit_request(c->library, NULL, pairs, count, body != NULL ? &provider : NULL, NULL), next);
    return next;
}

static inline int32_t ask(client *c, const char *method, const char *path, const char *body)
{
    const nghttp2_nv pairs[] = {pair(":method", method), pair(":scheme", "http"), pair(":authority", "h:1"),
                                pair(":path", path)};
    return ask_with(c, pairs, 4, body, body != NULL ? strlen(body) : 0);
}

static inline void check(const exchange *x, unsigned status, const char *body)
{
    assert_int_equal(x->status, status);
    assert_string_equal(x->body != NULL ? x->body : "", body);
}

#endif
