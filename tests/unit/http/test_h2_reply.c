/* Replies over HTTP/2 that are sent in pieces, and trailers, against a whole front with the handler of front_service.h. */
#include "http/h2_client.h"

static http_front_settings settings_with(int64_t timeout_ms)
{
    http_front_settings settings = service_settings();
    settings.h2c = true;
    settings.write_timeout_ms = timeout_ms;
    return settings;
}

/* A body that is sent when the test says so. */
typedef struct slow_body {
    char data[64];
    size_t left;
    bool ended;
} slow_body;

static ssize_t read_slowly(nghttp2_session *library, int32_t id, uint8_t *out, size_t room, uint32_t *flags,
                           nghttp2_data_source *source, void *cookie)
{
    (void)library, (void)id, (void)cookie;
    slow_body *body = source->ptr;
    assert_true(body->left <= room);
    const size_t bytes = body->left;
    memcpy(out, body->data, bytes);
    body->left = 0;
    if (body->ended)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return bytes > 0 || body->ended ? (ssize_t)bytes : NGHTTP2_ERR_DEFERRED;
}

static int32_t begin(client *c, const char *path, slow_body *body)
{
    const nghttp2_nv pairs[] = {pair(":method", "POST"), pair(":scheme", "http"), pair(":authority", "h:1"),
                                pair(":path", path)};
    const nghttp2_data_provider provider = {.source.ptr = body, .read_callback = read_slowly};
    return nghttp2_submit_request(c->library, NULL, pairs, 4, &provider, NULL);
}

static void say(client *c, int32_t id, slow_body *body, const char *text, bool ends)
{
    body->left = strlen(text);
    memcpy(body->data, text, body->left);
    body->ended = ends;
    (void)nghttp2_session_resume_data(c->library, id);
}

static void hear(client *c, int32_t id, const char *body)
{
    while (of(c, id)->length < strlen(body) && !c->ended)
        turn(c);
    assert_string_equal(of(c, id)->body, body);
}

static void pieces_go_both_ways_at_a_time(void **state)
{
    (void)state;
    const http_front_settings settings = settings_with(HANG_MS);
    service_start(&settings, NULL);
    client *c = open_client();
    slow_body body = {.left = 0};
    const int32_t id = begin(c, "/stream", &body);
    while (of(c, id)->status == 0)
        turn(c); /* the head comes before any of the body */
    say(c, id, &body, "one ", false);
    hear(c, id, "one ");
    say(c, id, &body, "two ", false);
    hear(c, id, "one two ");
    assert_string_equal(of(c, id)->trailer, "");
    say(c, id, &body, "three", true);
    const exchange *x = await(c, id);
    check(x, 200, "one two three");
    assert_string_equal(x->trailer, "done");
    assert_int_equal(x->error, NGHTTP2_NO_ERROR);
    assert_true(service.counts.drained >= 2);
    close_client(c);
    service_stop();
}

static void an_empty_stream_has_its_trailers(void **state)
{
    (void)state;
    const http_front_settings settings = settings_with(HANG_MS);
    service_start(&settings, NULL);
    client *c = open_client();
    const exchange *x = await(c, ask(c, "POST", "/stream", NULL));
    check(x, 200, "");
    assert_string_equal(x->trailer, "done");
    close_client(c);
    service_stop();
}

static void large_streams_pass(void **state)
{
    (void)state;
    static char body[BODY_BYTES];
    memset(body, 'a', sizeof body - 1);
    const http_front_settings settings = settings_with(HANG_MS);
    service_start(&settings, NULL);
    client *c = open_client();
    const int32_t first = ask(c, "POST", "/stream", body), second = ask(c, "POST", "/stream", body);
    assert_int_equal(await(c, first)->length, sizeof body - 1);
    assert_string_equal(await(c, second)->trailer, "done");
    close_client(c);
    service_stop();
}

/* The body of the held stream stops at its window; the other stream has windows of its own, and the connection's. */
static void a_held_stream_stops_its_client_and_no_other(void **state)
{
    (void)state;
    enum { WINDOW = 1 << 18 };
    static char body[BODY_BYTES];
    memset(body, 'a', sizeof body - 1);
    const http_front_settings settings = settings_with(HANG_MS);
    service_start(&settings, NULL);
    client *c = open_client();
    const int32_t held = ask(c, "POST", "/hold", body);
    while (of(c, held)->length < WINDOW)
        turn(c);
    const char *other = body + sizeof body - 3 * WINDOW; /* more than the windows have left */
    assert_true(await(c, ask(c, "POST", "/p", other))->length > strlen(other));
    assert_int_equal(of(c, held)->length, WINDOW);
    assert_false(of(c, held)->closed);
    close_client(c);
    service_await(&service.counts.ended, 2);
    service_stop();
}

static void who_cancels_or_leaves_is_told_of_once(void **state)
{
    (void)state;
    const http_front_settings settings = settings_with(HANG_MS);
    service_start(&settings, NULL);
    client *c = open_client();
    slow_body bodies[3] = {{.left = 0}};
    const int32_t id = begin(c, "/stream", &bodies[0]);
    say(c, id, &bodies[0], "one", false);
    hear(c, id, "one");
    assert_int_equal(nghttp2_submit_rst_stream(c->library, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL), 0);
    push(c);
    service_await(&service.counts.ended, 1);
    assert_int_equal(service.counts.gone, 1);
    for (size_t i = 1; i < 3; i++) {
        const int32_t next = begin(c, "/stream", &bodies[i]);
        say(c, next, &bodies[i], "two", false);
        hear(c, next, "two");
    }
    close_client(c);
    service_await(&service.counts.ended, 3);
    assert_int_equal(service.counts.gone, 3);
    assert_int_equal(service.counts.whole, 0);
    service_stop();
}

/* The handler's answer is longer than the windows: it waits in memory, and the stream ends by its write timeout. */
static void who_does_not_read_is_late(void **state)
{
    (void)state;
    static char body[BODY_BYTES];
    memset(body, 'a', sizeof body - 1);
    const http_front_settings settings = settings_with(300);
    service_start(&settings, NULL);
    client *c = open_client();
    assert_int_equal(nghttp2_session_set_local_window_size(c->library, NGHTTP2_FLAG_NONE, 0, 1 << 20), 0);
    const nghttp2_settings_entry small = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0};
    assert_int_equal(nghttp2_submit_settings(c->library, NGHTTP2_FLAG_NONE, &small, 1), 0);
    const int32_t id = ask(c, "POST", "/stream", body);
    const exchange *x = await(c, id);
    assert_int_equal(x->length, 0);
    assert_int_equal(x->error, NGHTTP2_CANCEL);
    close_client(c);
    service_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_go_both_ways_at_a_time),
        cmocka_unit_test(an_empty_stream_has_its_trailers),
        cmocka_unit_test(large_streams_pass),
        cmocka_unit_test(a_held_stream_stops_its_client_and_no_other),
        cmocka_unit_test(who_cancels_or_leaves_is_told_of_once),
        cmocka_unit_test(who_does_not_read_is_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
