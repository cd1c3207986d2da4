/* Streams of messages, with the calls of the HTTP thread made by the test, on the route of server reflection, which needs no model. */
#include "unit.h"

#include "http/made_request.h"

#include "grpc/frame.h"
#include "http/connection/connection.h"
#include "http/connection/loop.h"
#include "server/exchange.h"
#include "server/listening.h"
#include "server/message_stream.h"

#define REFLECTION "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
#define WATCH "/grpc.health.v1.Health/Watch"
#define MAX_REPLY_BYTES ((size_t)64 << 20)
/* Asks for the services: a reply of a few hundred bytes. And for a file that is not there, by a name of its own. */
#define LIST "\0\0\0\0\3:\1*"
#define LIST_BYTES (sizeof LIST - 1)

/* One stream, and what its connection would send. */
static struct {
    server server;
    way_in way;
    http_handler handler;
    http_connection connection;
    connection_stream stream;
    made_request request;
    atomic_bool draining;
    buf sent;
    size_t taken; /* of it, by the client */
    bool begun, finished, held;
    int64_t due_ns;
    char status[8];
} t;

static void begin(connection_stream *stream)
{
    (void)stream;
    assert_false(t.begun);
    t.begun = true;
}

static bool send_piece(connection_stream *stream, const char *data, size_t bytes)
{
    (void)stream;
    assert_true(t.begun && !t.finished);
    return buf_append(&t.sent, data, bytes);
}

static size_t unsent(const connection_stream *stream)
{
    (void)stream;
    return t.sent.length - t.taken;
}

static void hold(connection_stream *stream, bool held)
{
    (void)stream;
    t.held = held;
}

static void finish(connection_stream *stream)
{
    const char *at = NULL, *name, *value;
    assert_true(t.begun && !t.finished);
    t.finished = true;
    while (http_reply_next_trailer(&stream->answer, &at, &name, &value))
        if (strcmp(name, "grpc-status") == 0)
            snprintf(t.status, sizeof t.status, "%s", value);
    t.handler.end(&t.way, &stream->face, true);
}

static void refuse(connection_stream *stream)
{
    (void)stream;
    fail();
}

static void set_deadline(connection_stream *stream, int64_t due_ns)
{
    (void)stream;
    t.due_ns = due_ns;
}

static const connection_stream_ways ways = {.reply = refuse,
                                            .abort = refuse,
                                            .set_deadline = set_deadline,
                                            .begin = begin,
                                            .send = send_piece,
                                            .unsent = unsent,
                                            .finish = finish,
                                            .hold = hold};

static void open_stream(const char *path)
{
    aki_error error;
    memset(&t, 0, sizeof t);
    server_settings_init(&t.server.settings);
    pthread_mutex_init(&t.server.lock, NULL);
    pthread_mutex_init(&t.server.streams_lock, NULL);
    pthread_cond_init(&t.server.idle, NULL);
    const watchdog_settings watching = {.stuck_timeout_ms = 60000, .memory_limit_bytes = SIZE_MAX};
    assert_int_equal(watchdog_open(&t.server.watchdog, &watching, &error), AKI_OK);
    assert_int_equal(model_set_open(&t.server.models, &(model_set_settings){0}, &error), AKI_OK);
    t.way = (way_in){.owner = &t.server};
    arrival_handle(&t.handler);
    t.handler.cookie = &t.way;
    t.connection.handler = &t.handler;
    t.connection.draining = &t.draining;
    t.connection.closed = true; /* resuming is all that it does */
    assert_int_equal(http_loop_open(&t.connection.loop, NULL, &error), AKI_OK);
    connection_stream_init(&t.stream, &t.connection, &ways);
    make_request(&t.request, "POST", path);
    make_header(&t.request, "content-type", "application/grpc");
    make_header(&t.request, "te", "trailers");
    t.request.request.version = HTTP_VERSION_2;
    t.request.request.chunked = true;
    t.stream.face.request = t.request.request;
    buf_init(&t.sent, MAX_REPLY_BYTES);
    t.handler.head(&t.way, &t.stream.face, NULL);
    assert_true(t.begun && !t.finished);
}

static void close_stream(const char *status)
{
    assert_true(t.finished);
    assert_string_equal(t.status, status);
    assert_int_equal(t.server.requests, 0);
    assert_int_equal(atomic_load(&t.server.body_bytes), 0);
    assert_null(t.server.streams);
    watchdog_close(t.server.watchdog);
    model_set_close(t.server.models);
    http_loop_close(t.connection.loop);
    connection_stream_destroy(&t.stream);
    buf_free(&t.sent);
    pthread_cond_destroy(&t.server.idle);
    pthread_mutex_destroy(&t.server.streams_lock);
    pthread_mutex_destroy(&t.server.lock);
}

static void say(const char *bytes, size_t length)
{
    t.handler.body(&t.way, &t.stream.face, bytes, length);
}

static void complete(void)
{
    t.handler.complete(&t.way, &t.stream.face, NULL);
}

/* Stopping the loop runs the tasks that were posted to it. */
static void run_posted(void)
{
    http_loop_stop(t.connection.loop);
}

static size_t replies(void)
{
    size_t count = 0, at = 0;
    for (; at < t.sent.length; count++)
        at += GRPC_PREFIX_BYTES + grpc_frame_length(t.sent.data + at);
    assert_int_equal(at, t.sent.length);
    return count;
}

static void messages_may_come_in_any_pieces(void **state)
{
    (void)state;
    static const char two[] = LIST LIST;
    for (size_t cut = 0; cut < sizeof two; cut++) {
        open_stream(REFLECTION);
        if (cut > 0)
            say(two, cut);
        if (cut < sizeof two - 1)
            say(two + cut, sizeof two - 1 - cut);
        assert_int_equal(replies(), 2);
        assert_false(t.finished);
        complete();
        close_stream("0");
    }
}

static void a_stream_may_have_no_message(void **state)
{
    (void)state;
    open_stream(REFLECTION);
    complete();
    assert_int_equal(replies(), 0);
    close_stream("0");
}

static void what_is_wrong_ends_it_after_the_replies_before(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        bool completes;
        const char *status;
    } rows[] = {{LIST LIST "\0\0\0\0\1\xff" LIST, 3 * LIST_BYTES + 6, false, "13"},
                {LIST LIST "\0\xff\xff\xff\xff", 2 * LIST_BYTES + 5, false, "8"},
                {LIST LIST "\2\0\0\0\0", 2 * LIST_BYTES + 5, false, "13"},
                {LIST LIST "\0\0\0\0", 2 * LIST_BYTES + 4, true, "13"},
                {LIST LIST "\0\0\0\0\2:", 2 * LIST_BYTES + 6, true, "13"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        open_stream(REFLECTION);
        say(rows[i].bytes, rows[i].length);
        assert_int_equal(t.finished, !rows[i].completes);
        if (rows[i].completes)
            complete();
        assert_int_equal(replies(), 2);
        close_stream(rows[i].status);
    }
}

static void a_client_that_does_not_read_is_held(void **state)
{
    (void)state;
    open_stream(REFLECTION);
    say(LIST, LIST_BYTES);
    const size_t reply = t.sent.length, most = ((size_t)1 << 20) / reply + 1;
    size_t count = 1;
    while (!t.held) {
        assert_true(count <= most);
        say(LIST, LIST_BYTES);
        count++;
    }
    t.taken = t.sent.length;
    t.handler.drained(&t.way, &t.stream.face);
    assert_true(t.held); /* until it is resumed */
    run_posted();
    assert_false(t.held);
    complete();
    assert_int_equal(replies(), count);
    close_stream("0");
}

static void a_client_that_goes_ends_it(void **state)
{
    (void)state;
    open_stream(REFLECTION);
    say(LIST "\0\0", LIST_BYTES + 2);
    connection_stream_note_end(&t.stream);
    message_streams_wake(&t.server); /* one resumption is enough for both */
    assert_false(t.finished);
    run_posted();
    close_stream("1");
}

static void a_quiet_stream_ends_in_time(void **state)
{
    (void)state;
    open_stream(REFLECTION);
    const int64_t now_ns = clock_monotonic_ns();
    say(LIST, LIST_BYTES);
    t.taken = t.sent.length;
    t.handler.drained(&t.way, &t.stream.face);
    run_posted();
    assert_true(t.due_ns >= now_ns + t.server.settings.idle_timeout_ms * NS_PER_MS);
    t.handler.late(&t.way, &t.stream.face);
    assert_int_equal(replies(), 1);
    close_stream("4");
}

static void the_end_of_the_service_ends_it_soon(void **state)
{
    (void)state;
    open_stream(REFLECTION);
    atomic_store(&t.server.ending, true);
    message_streams_wake(&t.server);
    run_posted();
    assert_false(t.finished);
    assert_true(t.due_ns <= clock_monotonic_ns() + NS_PER_S);
    say(LIST, LIST_BYTES); /* its client did not know */
    assert_int_equal(replies(), 1);
    t.handler.late(&t.way, &t.stream.face);
    close_stream("14");
}

static void a_watched_reply_is_sent_once_until_it_changes(void **state)
{
    (void)state;
    open_stream(WATCH);
    say("\0\0\0\0\0", 5);
    assert_int_equal(replies(), 1);
    assert_memory_equal(t.sent.data, "\0\0\0\0\2\x8\2", 7); /* NOT_SERVING: there is no model */
    message_streams_wake(&t.server);
    run_posted();
    complete(); /* the client has no more to say, and goes on reading */
    assert_int_equal(replies(), 1);
    assert_false(t.finished);
    atomic_store(&t.server.ending, true);
    message_streams_wake(&t.server);
    run_posted();
    assert_int_equal(replies(), 1);
    close_stream("14");
}

static void a_watched_stream_takes_one_message(void **state)
{
    (void)state;
    open_stream(WATCH);
    say("\0\0\0\0\0\0\0\0\0\0", 10);
    assert_int_equal(replies(), 1);
    close_stream("12");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_may_come_in_any_pieces),
        cmocka_unit_test(a_stream_may_have_no_message),
        cmocka_unit_test(what_is_wrong_ends_it_after_the_replies_before),
        cmocka_unit_test(a_client_that_does_not_read_is_held),
        cmocka_unit_test(a_client_that_goes_ends_it),
        cmocka_unit_test(a_quiet_stream_ends_in_time),
        cmocka_unit_test(the_end_of_the_service_ends_it_soon),
        cmocka_unit_test(a_watched_reply_is_sent_once_until_it_changes),
        cmocka_unit_test(a_watched_stream_takes_one_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
