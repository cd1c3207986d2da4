/* HTTP/2 against a whole front with the handler of front_service.h. The client is libnghttp2's, over a plain connection. */
#include "http/h2_client.h"

#include <sched.h>

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

/* One comes in its time, one is cancelled meanwhile, and one's client leaves. */
static void delayed_replies_end_with_their_streams(void **state)
{
    (void)state;
    start(HANG_MS);
    client *c = open_client();
    const int32_t kept = ask(c, "GET", "/delay", NULL), reset = ask(c, "GET", "/delay", NULL);
    push(c);
    service_await(&service.counts.begun, 2);
    assert_int_equal(nghttp2_submit_rst_stream(c->library, NGHTTP2_FLAG_NONE, reset, NGHTTP2_CANCEL), 0);
    check(await(c, kept), 200, "GET /delay h:1 []");
    service_await(&service.counts.ended, 2);
    ask(c, "GET", "/delay", NULL);
    push(c);
    service_await(&service.counts.begun, 3);
    close_client(c);
    service_await(&service.counts.ended, 3);
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
        cmocka_unit_test(delayed_replies_end_with_their_streams),
        cmocka_unit_test(floods_end_the_connection),
        cmocka_unit_test(rapid_resets_end_the_connection),
        cmocka_unit_test(a_drain_serves_what_is_there),
        cmocka_unit_test(what_is_late_is_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
