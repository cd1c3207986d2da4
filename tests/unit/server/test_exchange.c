/* The end of an exchange, with the calls of its HTTP thread made by the test. */
#include "unit.h"

#include "http/connection/connection.h"
#include "server/exchange.h"
#include "server/listening.h"

static unsigned told;

static void count(void *cookie)
{
    (void)cookie;
    told++;
}

static void ignore(connection_stream *stream)
{
    (void)stream;
}

static void ignore_deadline(connection_stream *stream, int64_t due_ns)
{
    (void)stream;
    (void)due_ns;
}

static server *make_server(void)
{
    server *s = calloc(1, sizeof *s);
    assert_non_null(s);
    server_settings_init(&s->settings);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->idle, NULL);
    return s;
}

static void free_server(server *s)
{
    pthread_cond_destroy(&s->idle);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* The client of a request that waits is gone, and the connection ends. Nobody must be told of the freed exchange. */
static void nobody_is_told_of_a_client_once_its_request_has_ended(void **state)
{
    (void)state;
    static const connection_stream_ways ways = {ignore, ignore, ignore_deadline};
    static const http_fault fault = {HTTP_FAULT_MALFORMED, "of the test"};
    server *s = make_server();
    way_in way = {.owner = s};
    http_handler handler = {.cookie = &way};
    arrival_handle(&handler);
    http_connection connection = {.handler = &handler};
    connection_stream stream;
    connection_stream_init(&stream, &connection, &ways);
    handler.head(&way, &stream.face, &fault);
    assert_non_null(stream.face.context);
    assert_int_equal(s->requests, 1);
    assert_true(http_stream_expect(&stream.face, count, NULL));
    handler.end(&way, &stream.face, false);
    assert_int_equal(s->requests, 0);
    connection_stream_note_end(&stream);
    assert_int_equal(told, 0);
    connection_stream_destroy(&stream);
    free_server(s);
}

static void a_fault_is_told_by_its_kind(void **state)
{
    (void)state;
    static const struct {
        http_fault fault;
        unsigned status;
    } rows[] = {{{HTTP_FAULT_MALFORMED, "m"}, 400},
                {{HTTP_FAULT_HEAD_TOO_LARGE, "m"}, 431},
                {{HTTP_FAULT_TARGET_TOO_LONG, "m"}, 414},
                {{HTTP_FAULT_NOT_IMPLEMENTED, "m"}, 501},
                {{HTTP_FAULT_VERSION, "m"}, 505}};
    static const connection_stream_ways ways = {ignore, ignore, ignore_deadline};
    server *s = make_server();
    way_in way = {.owner = s};
    http_handler handler = {.cookie = &way};
    arrival_handle(&handler);
    http_connection connection = {.handler = &handler};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        connection_stream stream;
        connection_stream_init(&stream, &connection, &ways);
        handler.head(&way, &stream.face, &rows[i].fault);
        handler.complete(&way, &stream.face, &rows[i].fault);
        assert_int_equal(stream.answer.status, rows[i].status);
        assert_true(stream.answer.closes);
        assert_non_null(memmem(stream.answer.body, stream.answer.body_bytes, "\"m. ", 4));
        handler.end(&way, &stream.face, true);
        connection_stream_destroy(&stream);
    }
    free_server(s);
}

/* ---- Observers --------------------------------------------------------------------------------------------------- */

static char seen[20]; /* a letter for each call, in their order */

static void see(char letter)
{
    const size_t length = strlen(seen);
    assert_true(length + 1 < sizeof seen);
    seen[length] = letter;
}

static void see_begun(exchange *x)
{
    assert_true(x->failed && x->request_id[0] != '\0');
    see('b');
}

static void see_failed(exchange *x)
{
    assert_int_equal(x->error.code, HTTP_ERROR_BAD_REQUEST);
    see('f');
}

static void see_replied(exchange *x)
{
    assert_int_equal(x->status, 400);
    see('r');
}

static void see_ended(exchange *x, bool whole)
{
    assert_true(x->ended_ns > 0);
    see(whole ? 'e' : 'c');
}

static void see_other_ended(exchange *x, bool whole)
{
    (void)x;
    (void)whole;
    see('2');
}

static void observers_are_told_of_each_step(void **state)
{
    (void)state;
    static const connection_stream_ways ways = {ignore, ignore, ignore_deadline};
    static const http_fault fault = {HTTP_FAULT_MALFORMED, "of the test"};
    static const exchange_observer first = {see_begun, see_failed, see_replied, see_ended};
    static const exchange_observer second = {.ended = see_other_ended};
    static const exchange_observer *const observers[] = {&first, &second, NULL};
    server *s = make_server();
    way_in way = {.owner = s, .observers = observers};
    http_handler handler = {.cookie = &way};
    arrival_handle(&handler);
    http_connection connection = {.handler = &handler};
    for (int whole = 0; whole < 2; whole++) {
        connection_stream stream;
        memset(seen, 0, sizeof seen);
        connection_stream_init(&stream, &connection, &ways);
        handler.head(&way, &stream.face, &fault);
        assert_string_equal(seen, "b");
        handler.complete(&way, &stream.face, &fault);
        assert_string_equal(seen, "bfr");
        handler.end(&way, &stream.face, whole);
        assert_string_equal(seen, whole ? "bfre2" : "bfrc2");
        connection_stream_destroy(&stream);
    }
    free_server(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_is_told_of_a_client_once_its_request_has_ended),
        cmocka_unit_test(a_fault_is_told_by_its_kind),
        cmocka_unit_test(observers_are_told_of_each_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
