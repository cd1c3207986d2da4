/* HTTP/2 against a whole front with the handler of front_service.h. The client is libnghttp2's, over a plain connection. */
#include "server/http_client.h"
#include "http/front_service.h"

#include "http/connection/h2.h"

#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <sched.h>

#define MAX_REQUESTS 256
#define BODY_BYTES ((size_t)1 << 20)
#define HANG_MS 30000

/* A large body comes back alone; of others the request is told as well. */
static void echo(const http_stream *stream, const buf *body, buf *text)
{
    const http_request *request = &stream->request;
    if (body->length > 100)
        buf_append(text, body->data, body->length);
    else
        buf_printf(text, "%s %s %s [%.*s]", http_request_method(request), http_request_target(request),
                   http_request_header(request, "Host"), (int)body->length,
                   body->length > 0 ? body->data : "");
}

static void start(int64_t timeout_ms)
{
    http_front_settings settings = service_settings();
    settings.h2c = true;
    settings.header_timeout_ms = settings.idle_timeout_ms = settings.write_timeout_ms = timeout_ms;
    service.answer = echo;
    service_start(&settings, NULL);
}

/* ---- The client -------------------------------------------------------------------------------------------------- */

typedef struct exchange {
    unsigned status, interim;
    char *body; /* [BODY_BYTES + 1] */
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

static exchange *of(client *c, int32_t id)
{
    assert_true(id >= 0 && (size_t)id < sizeof c->exchanges / sizeof c->exchanges[0]);
    return &c->exchanges[id];
}

static int on_header(nghttp2_session *library, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_bytes, const uint8_t *value, size_t value_bytes, uint8_t flags, void *cookie)
{
    (void)library, (void)value_bytes, (void)flags;
    exchange *x = of(cookie, frame->hd.stream_id);
    for (size_t i = 0; i < name_bytes; i++)
        assert_false(name[i] >= 'A' && name[i] <= 'Z');
    if (name_bytes != 7 || memcmp(name, ":status", 7) != 0)
        return 0;
    const unsigned status = (unsigned)strtoul((const char *)value, NULL, 10);
    if (status < 200)
        x->interim = status;
    else
        x->status = status;
    return 0;
}

static int on_data(nghttp2_session *library, uint8_t flags, int32_t id, const uint8_t *data, size_t length,
                   void *cookie)
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

static int on_close(nghttp2_session *library, int32_t id, uint32_t code, void *cookie)
{
    (void)library;
    of(cookie, id)->closed = true;
    of(cookie, id)->error = code;
    return 0;
}

static int on_frame(nghttp2_session *library, const nghttp2_frame *frame, void *cookie)
{
    (void)library;
    client *c = cookie;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        c->was_told = true;
        c->goaway = frame->goaway.error_code;
    }
    return 0;
}

static client *open_client(void)
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

static void close_client(client *c)
{
    nghttp2_session_del(c->library);
    for (size_t i = 0; i < sizeof c->exchanges / sizeof c->exchanges[0]; i++)
        free(c->exchanges[i].body);
    close(c->connection);
    free(c);
}

/* Sends all that there is, as far as it goes. */
static void push(client *c)
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
static void turn(client *c)
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

static exchange *await(client *c, int32_t id)
{
    while (!of(c, id)->closed && !c->ended)
        turn(c);
    return of(c, id);
}

static ssize_t read_body(nghttp2_session *library, int32_t id, uint8_t *out, size_t room, uint32_t *flags,
                         nghttp2_data_source *source, void *cookie)
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

static nghttp2_nv pair(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name), strlen(value),
                        NGHTTP2_NV_FLAG_NONE};
}

static int32_t ask_with(client *c, const nghttp2_nv *pairs, size_t count, const char *body, size_t length)
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

static int32_t ask(client *c, const char *method, const char *path, const char *body)
{
    const nghttp2_nv pairs[] = {pair(":method", method), pair(":scheme", "http"), pair(":authority", "h:1"),
                                pair(":path", path)};
    return ask_with(c, pairs, 4, body, body != NULL ? strlen(body) : 0);
}

static void check(const exchange *x, unsigned status, const char *body)
{
    assert_int_equal(x->status, status);
    assert_string_equal(x->body != NULL ? x->body : "", body);
}

/* ---- The tests --------------------------------------------------------------------------------------------------- */

static void requests_are_answered_over_one_connection(void **state)
{
    (void)state;
    start(HANG_MS);
    client *c = open_client();
    check(await(c, ask(c, "GET", "/p?q", NULL)), 200, "GET /p?q h:1 []");
    check(await(c, ask(c, "POST", "/p", "body")), 200, "POST /p h:1 [body]");
    check(await(c, ask(c, "HEAD", "/p", NULL)), 200, "");
    check(await(c, ask(c, "GET", "/nothing", NULL)), 503, "no memory");
    check(await(c, ask(c, "POST", "/p", "")), 200, "POST /p h:1 []");
    int32_t ids[50];
    for (size_t i = 0; i < 50; i++)
        ids[i] = ask(c, "POST", "/p", "many");
    for (size_t i = 0; i < 50; i++)
        check(await(c, ids[i]), 200, "POST /p h:1 [many]");
    close_client(c);
    service_stop();
}

static void the_preface_may_come_in_pieces(void **state)
{
    (void)state;
    start(HANG_MS);
    for (size_t cut = 1; cut <= 40; cut++) {
        client *c = open_client();
        const int32_t id = ask(c, "GET", "/p", NULL);
        const uint8_t *data;
        ssize_t length = nghttp2_session_mem_send(c->library, &data);
        assert_true(length >= H2_PREFACE_BYTES);
        const size_t first = cut < (size_t)length ? cut : (size_t)length;
        assert_int_equal(send(c->connection, data, first, MSG_NOSIGNAL), first);
        sched_yield();
        assert_int_equal(send(c->connection, data + first, (size_t)length - first, MSG_NOSIGNAL),
                         (size_t)length - first);
        check(await(c, id), 200, "GET /p h:1 []");
        close_client(c);
    }
    service_stop();
}

static void a_wrong_preface_is_a_wrong_request(void **state)
{
    (void)state;
    static char reply[4096];
    static const char *const wrong[] = {"PRI * HTTP/2.0\r\n\r\nSX\r\n\r\n",
                                        "PRI * HTTP/2.0\r\nHost: x\r\n\r\n", "PRI / HTTP/1.1\r\n\r\n"};
    start(HANG_MS);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const int connection = http_connect(service.port);
        assert_int_equal(send(connection, wrong[i], strlen(wrong[i]), MSG_NOSIGNAL), strlen(wrong[i]));
        http_read(connection, reply, sizeof reply);
        assert_memory_equal(reply, "HTTP/1.1 4", 10);
    }
    service_stop();
}

static void streams_do_not_wait_for_each_other(void **state)
{
    (void)state;
    enum { COUNT = 90 };
    int32_t ids[COUNT];
    start(HANG_MS);
    client *c = open_client();
    for (size_t i = 0; i < COUNT; i++)
        ids[i] = ask(c, "GET", "/wait", NULL);
    push(c);
    service_await(&service.counts.waits, COUNT);
    check(await(c, ask(c, "GET", "/p", NULL)), 200, "GET /p h:1 []");
    for (size_t i = COUNT; i-- > 0;)
        http_stream_resume(service.waiting[i]); /* the last one first, by this thread */
    for (size_t i = 0; i < COUNT; i++)
        check(await(c, ids[i]), 200, "GET /wait h:1 []");
    close_client(c);
    service_stop();
}

static void large_bodies_pass_both_ways(void **state)
{
    (void)state;
    static char body[BODY_BYTES];
    memset(body, 'a', sizeof body - 1);
    start(HANG_MS);
    client *c = open_client();
    const int32_t first = ask(c, "POST", "/p", body), second = ask(c, "POST", "/p", body);
    assert_int_equal(await(c, first)->length, sizeof body - 1);
    assert_int_equal(await(c, second)->length, sizeof body - 1);
    close_client(c);
    service_stop();
}

static void what_is_wrong_is_refused_and_others_go_on(void **state)
{
    (void)state;
    static char long_value[5000];
    memset(long_value, 'a', sizeof long_value - 1);
    nghttp2_nv many[4 + 120];
    const nghttp2_nv usual[] = {pair(":method", "GET"), pair(":scheme", "http"), pair(":authority", "h"),
                                pair(":path", "/p")};
    for (size_t i = 0; i < sizeof many / sizeof many[0]; i++)
        many[i] = i < 4 ? usual[i] : pair("a", "b");
    const struct {
        nghttp2_nv pairs[5];
        size_t count;
        unsigned status; /* 0: the stream is reset */
    } rows[] = {
        {{usual[0], usual[1], pair(":authority", "u@h"), usual[3]}, 4, 400},
        {{usual[0], usual[1], pair(":authority", "h, g"), usual[3]}, 4, 0},
        {{usual[0], usual[1], usual[3], pair("host", "h")}, 4, 200},
        {{usual[0], usual[1], usual[2], usual[3], pair("host", "g")}, 5, 400},
        {{usual[0], usual[1], usual[2], usual[3], pair("host", "h")}, 5, 200},
        {{usual[0], usual[1], usual[3]}, 3, 0},
        {{usual[0], usual[1], usual[2], pair(":path", "/p#q")}, 4, 400},
        {{usual[0], usual[1], usual[2], usual[3], pair("a", long_value)}, 5, 431},
        {{usual[0], usual[1], usual[2], usual[3], pair("connection", "close")}, 5, 0},
        {{usual[0], usual[1], usual[2], usual[3], pair("transfer-encoding", "chunked")}, 5, 0},
        {{usual[0], usual[1], usual[2], usual[3], pair("content-length", "5")}, 5, 0},
        {{usual[0], usual[1], usual[2], usual[3], pair("a", "b\rc")}, 5, 400},
        {{usual[0], usual[1], usual[2]}, 3, 0},
    };
    start(HANG_MS);
    client *c = open_client();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const exchange *x = await(c, ask_with(c, rows[i].pairs, rows[i].count, NULL, 0));
        if (x->status != rows[i].status || c->ended)
            fail_msg("row %zu: %u, not %u: %s", i, x->status, rows[i].status, x->body != NULL ? x->body : "");
    }
    assert_int_equal(await(c, ask_with(c, many, sizeof many / sizeof many[0], NULL, 0))->status, 431);
    check(await(c, ask(c, "GET", "/p", NULL)), 200, "GET /p h:1 []");
    close_client(c);
    service_stop();
}

static void a_reply_may_come_before_the_body(void **state)
{
    (void)state;
    static char body[BODY_BYTES / 2];
    memset(body, 'a', sizeof body - 1);
    start(HANG_MS);
    client *c = open_client();
    check(await(c, ask(c, "POST", "/early", body)), 413, "");
    const nghttp2_nv expecting[] = {pair(":method", "POST"), pair(":scheme", "http"),
                                    pair(":authority", "h:1"), pair(":path", "/p"),
                                    pair("expect", "100-continue")};
    const exchange *x = await(c, ask_with(c, expecting, 5, "x", 1));
    check(x, 200, "POST /p h:1 [x]");
    assert_int_equal(x->interim, 100);
    x = await(c, ask(c, "POST", "/cut", "aborts"));
    assert_int_equal(x->status, 0);
    assert_int_equal(x->error, NGHTTP2_CANCEL);
    close_client(c);
    service_stop();
}

static void clients_that_leave_are_told_of(void **state)
{
    (void)state;
    start(HANG_MS);
    client *c = open_client();
    const int32_t reset = ask(c, "GET", "/wait", NULL);
    push(c);
    service_await(&service.counts.waits, 1);
    assert_int_equal(nghttp2_submit_rst_stream(c->library, NGHTTP2_FLAG_NONE, reset, NGHTTP2_CANCEL), 0);
    push(c);
    service_await(&service.counts.gone, 1);
    ask(c, "GET", "/wait", NULL);
    push(c);
    service_await(&service.counts.waits, 2);
    close_client(c);
    service_await(&service.counts.gone, 2);
    http_stream_resume(service.waiting[0]);
    http_stream_resume(service.waiting[1]);
    service_await(&service.counts.ended, 2);
    service_stop();
}

static void floods_end_the_connection(void **state)
{
    (void)state;
    start(HANG_MS);
    for (int what = 0; what < 3; what++) {
        client *c = open_client();
        check(await(c, ask(c, "GET", "/p", NULL)), 200, "GET /p h:1 []");
        for (int i = 0; i < 5000 && !c->mute; i++) {
            if (what == 0)
                assert_int_equal(nghttp2_submit_ping(c->library, NGHTTP2_FLAG_NONE, NULL), 0);
            else if (what == 1)
                assert_int_equal(nghttp2_submit_priority(c->library, NGHTTP2_FLAG_NONE, 3 + 2 * (i % 50),
                                                         &(const nghttp2_priority_spec){.weight = 16}),
                                 0);
            else
                (void)nghttp2_submit_settings(c->library, NGHTTP2_FLAG_NONE, NULL, 0);
            push(c);
        }
        while (!c->ended)
            turn(c);
        assert_int_equal(c->goaway, NGHTTP2_ENHANCE_YOUR_CALM);
        close_client(c);
    }
    service_stop();
}

/* Requests that are cancelled at once, again and again (CVE-2023-44487), cost no more than so many. */
static void rapid_resets_end_the_connection(void **state)
{
    (void)state;
    start(HANG_MS);
    client *c = open_client();
    check(await(c, ask(c, "GET", "/p", NULL)), 200, "GET /p h:1 []");
    for (int i = 0; i < 200 && !c->mute; i++) {
        const int32_t id = ask(c, "GET", "/wait", NULL);
        push(c);
        assert_int_equal(nghttp2_submit_rst_stream(c->library, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL), 0);
        push(c);
    }
    while (!c->ended)
        turn(c);
    assert_int_equal(c->goaway, NGHTTP2_ENHANCE_YOUR_CALM);
    close_client(c);
    pthread_mutex_lock(&service.lock);
    const unsigned waits = service.counts.waits;
    pthread_mutex_unlock(&service.lock);
    assert_true(waits > 0 && waits < 150);
    for (unsigned i = 0; i < waits; i++)
        http_stream_resume(service.waiting[i]);
    service_await(&service.counts.ended, waits + 1);
    service_stop();
}

static void a_drain_serves_what_is_there(void **state)
{
    (void)state;
    start(HANG_MS);
    client *c = open_client(), *idle = open_client();
    check(await(idle, ask(idle, "GET", "/p", NULL)), 200, "GET /p h:1 []");
    const int32_t id = ask(c, "GET", "/wait", NULL);
    push(c);
    service_await(&service.counts.waits, 1);
    http_front_stop_listening(service.front);
    http_front_drain(service.front);
    while (!c->was_told)
        turn(c);
    http_stream_resume(service.waiting[0]);
    check(await(c, id), 200, "GET /wait h:1 []");
    while (!c->ended)
        turn(c);
    while (!idle->ended)
        turn(idle);
    assert_true(idle->was_told);
    assert_int_equal(idle->goaway, NGHTTP2_NO_ERROR);
    while (http_front_connections(service.front) > 0)
        sched_yield();
    close_client(c);
    close_client(idle);
    service_stop();
}

static void what_is_late_is_closed(void **state)
{
    (void)state;
    start(50);
    client *c = open_client();
    check(await(c, ask(c, "GET", "/p", NULL)), 200, "GET /p h:1 []");
    while (!c->ended)
        turn(c);
    assert_int_equal(c->goaway, NGHTTP2_NO_ERROR);
    close_client(c);
    static char body[BODY_BYTES];
    memset(body, 'a', sizeof body - 1);
    c = open_client(); /* takes nothing of a reply: its window is closed */
    const nghttp2_settings_entry closed[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0}};
    assert_int_equal(nghttp2_submit_settings(c->library, NGHTTP2_FLAG_NONE, closed, 1), 0);
    const exchange *x = await(c, ask(c, "POST", "/p", "small"));
    assert_int_equal(x->error, NGHTTP2_CANCEL);
    close_client(c);
    service_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_answered_over_one_connection),
        cmocka_unit_test(the_preface_may_come_in_pieces),
        cmocka_unit_test(a_wrong_preface_is_a_wrong_request),
        cmocka_unit_test(streams_do_not_wait_for_each_other),
        cmocka_unit_test(large_bodies_pass_both_ways),
        cmocka_unit_test(what_is_wrong_is_refused_and_others_go_on),
        cmocka_unit_test(a_reply_may_come_before_the_body),
        cmocka_unit_test(clients_that_leave_are_told_of),
        cmocka_unit_test(floods_end_the_connection),
        cmocka_unit_test(rapid_resets_end_the_connection),
        cmocka_unit_test(a_drain_serves_what_is_there),
        cmocka_unit_test(what_is_late_is_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
