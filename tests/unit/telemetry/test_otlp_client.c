/* One attempt at collectors that answer, break off, hang or are not there. What replies mean is test_otlp_reply.c's. */
#include "collector.h"

#include "base/clock.h"
#include "telemetry/otlp_client.h"

#define PATIENT_MS (24 * 3600 * INT64_C(1000)) /* no attempt is to end by its timeout, unless it says so */

static otlp_target target_at(const char *url)
{
    return (otlp_target){.endpoint = (char *)url, .url = (char *)url, .timeout_ms = PATIENT_MS};
}

static int64_t later_ns(void)
{
    return clock_monotonic_ns() + 2 * PATIENT_MS * NS_PER_MS;
}

static otlp_client *open_client(const otlp_target *target)
{
    otlp_client *client;
    aki_error error;
    assert_int_equal(otlp_client_open(&client, target, &error), AKI_OK);
    return client;
}

/* One attempt with a client of its own: the message, and `more` bytes. */
static otlp_reply send_with(const otlp_target *target, int64_t deadline_ns, size_t more)
{
    otlp_client *client = open_client(target);
    otlp_reply reply;
    buf message;
    buf_init(&message, 8 + more);
    assert_true(buf_append(&message, "mes\0sage", 8));
    memset(buf_reserve(&message, more), 'm', more);
    buf_commit(&message, more);
    otlp_client_send(client, &message, deadline_ns, &reply);
    buf_free(&message);
    otlp_client_close(client);
    return reply;
}

static otlp_reply send_once(const otlp_target *target, int64_t deadline_ns)
{
    return send_with(target, deadline_ns, 0);
}

static void a_message_comes_whole_with_its_headers(void **state)
{
    (void)state;
    collector c;
    collector_open(&c, COLLECTOR_TAKES_ALL);
    name_value headers[] = {{(char *)"x-team", (char *)"blue"},
                            {(char *)"authorization", (char *)"Bearer k"}};
    otlp_target target = target_at(c.url);
    target.headers = (name_values){headers, 2};
    target.gzip = true;
    otlp_reply reply = send_once(&target, later_ns());
    assert_int_equal(reply.outcome, OTLP_ACCEPTED);
    collector_wait(&c, 1);
    assert_int_equal(c.body.length, 8);
    assert_memory_equal(c.body.data, "mes\0sage", 8);
    static const char *const lines[] = {
        "POST /v1/traces HTTP/1.1\r\n",    "\r\nContent-Type: application/x-protobuf\r\n",
        "\r\nContent-Encoding: gzip\r\n",  "\r\nx-team: blue\r\n",
        "\r\nauthorization: Bearer k\r\n", "\r\nUser-Agent: OTel-OTLP-Exporter-akidb-embed/"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (strstr(c.head, lines[i]) == NULL)
            fail_msg("missing: %s\nin: %s", lines[i], c.head);
    assert_null(strcasestr(c.head, "\r\nExpect:"));
    collector_close(&c);
}

static void a_connection_is_kept(void **state)
{
    (void)state;
    collector c;
    collector_open(&c, COLLECTOR_TAKES_ALL);
    otlp_target target = target_at(c.url);
    otlp_client *client = open_client(&target);
    otlp_reply reply;
    buf message;
    buf_init(&message, 100);
    assert_true(buf_append_string(&message, "message"));
    for (int i = 0; i < 3; i++) {
        otlp_client_send(client, &message, later_ns(), &reply);
        assert_int_equal(reply.outcome, OTLP_ACCEPTED);
    }
    buf_free(&message);
    otlp_client_close(client);
    collector_close(&c);
    assert_int_equal(c.requests, 3);
    assert_int_equal(c.connections, 1);
}

static void what_one_reply_said_is_not_taken_for_the_next(void **state)
{
    (void)state;
    collector c;
    collector_open(&c, "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 4\r\n\r\n"
                       "\x0a\x02\x08\x03"); /* partial_success { rejected: 3 } */
    otlp_target target = target_at(c.url);
    otlp_client *client = open_client(&target);
    otlp_reply reply;
    buf message;
    buf_init(&message, 100);
    assert_true(buf_append_string(&message, "message"));
    otlp_client_send(client, &message, later_ns(), &reply);
    assert_int_equal(reply.outcome, OTLP_ACCEPTED);
    assert_int_equal(reply.rejected, 3);
    collector_answer(&c, COLLECTOR_TAKES_ALL);
    otlp_client_send(client, &message, later_ns(), &reply);
    assert_int_equal(reply.outcome, OTLP_ACCEPTED);
    assert_int_equal(reply.rejected, 0);
    buf_free(&message);
    otlp_client_close(client);
    collector_close(&c);
}

/* libcurl 7.88, used again, writes into memory of the reply before where the first header line continues none. Some versions
 * refuse such a reply, and others leave the line out. */
static void a_reply_that_begins_with_a_folded_line_is_borne(void **state)
{
    (void)state;
    collector c;
    collector_open(&c, COLLECTOR_TAKES_ALL);
    otlp_target target = target_at(c.url);
    otlp_client *client = open_client(&target);
    otlp_reply reply;
    buf message;
    buf_init(&message, 100);
    assert_true(buf_append_string(&message, "message"));
    for (int i = 0; i < 6; i++) {
        const bool folded = i % 2 != 0;
        collector_answer(&c, folded ? "HTTP/1.1 200 OK\r\n x-folded: y\r\nContent-Length: 0\r\n\r\n"
                                    : COLLECTOR_TAKES_ALL);
        otlp_client_send(client, &message, later_ns(), &reply);
        if (!folded)
            assert_int_equal(reply.outcome, OTLP_ACCEPTED);
    }
    buf_free(&message);
    otlp_client_close(client);
    collector_close(&c);
}

static void a_reply_longer_than_needed_is_read_to_its_end(void **state)
{
    (void)state;
    enum { LONG = 300000 };
    buf answer;
    collector c;
    buf_init(&answer, 2 * LONG);
    buf_printf(&answer, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n", LONG);
    memset(buf_reserve(&answer, LONG), 'x', LONG);
    buf_commit(&answer, LONG);
    collector_open_bytes(&c, answer.data, answer.length);
    otlp_target target = target_at(c.url);
    assert_int_equal(send_once(&target, later_ns()).outcome, OTLP_ACCEPTED);
    collector_close(&c);
    buf_free(&answer);
}

/* Each of these may pass: the message is to be sent again. */
static void replies_that_break_off_may_pass(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "",
        "HTTP/1.1 20",
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 100\r\n\r\nshort",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nshort",
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        collector c;
        collector_open(&c, answers[i]);
        collector_hang_up(&c);
        otlp_target target = target_at(c.url);
        otlp_reply reply = send_once(&target, later_ns());
        assert_int_equal(reply.outcome, OTLP_RETRY);
        assert_string_not_equal(reply.cause, "");
        assert_int_equal(reply.retry_after_ms, strstr(answers[i], "Retry-After") != NULL ? 7000 : -1);
        collector_close(&c);
    }
}

static void a_redirection_is_not_followed(void **state)
{
    (void)state;
    collector c;
    collector_open(&c,
                   "HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n");
    otlp_target target = target_at(c.url);
    assert_int_equal(send_once(&target, later_ns()).outcome, OTLP_REFUSED);
    collector_close(&c);
    assert_int_equal(c.requests, 1);
}

static void a_collector_that_is_not_there_may_come(void **state)
{
    (void)state;
    collector gone;
    collector_listen(&gone);
    close(gone.listening);
    otlp_target target = target_at(gone.url);
    otlp_reply reply = send_once(&target, later_ns());
    assert_int_equal(reply.outcome, OTLP_RETRY);
    assert_int_equal(reply.retry_after_ms, -1);
    assert_string_not_equal(reply.cause, "");
}

static void what_is_wrong_here_stays_wrong(void **state)
{
    (void)state;
    static const char *const urls[] = {"ftp://127.0.0.1/v1/traces",
                                       "file:///etc/hostname",
                                       "http://",
                                       "no url at all",
                                       "http://127.0.0.1:99999/",
                                       ""};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        otlp_target target = target_at(urls[i]);
        otlp_reply reply = send_once(&target, later_ns());
        if (reply.outcome != OTLP_REFUSED)
            fail_msg("'%s' was not refused: %s", urls[i], reply.cause);
        assert_string_not_equal(reply.cause, "");
    }
}

static void a_missing_certificate_file_is_refused(void **state)
{
    (void)state;
    collector c;
    char url[80];
    collector_open(&c, NULL);
    snprintf(url, sizeof url, "https://127.0.0.1:%u/", c.port);
    otlp_target target = target_at(url);
    target.certificate = (char *)"/no/such/file.pem";
    otlp_reply reply = send_once(&target, later_ns());
    assert_int_equal(reply.outcome, OTLP_REFUSED);
    assert_non_null(strstr(reply.cause, "/no/such/file.pem"));
    collector_close(&c);
}

static void gives_up_at_its_timeout(void **state)
{
    (void)state;
    collector c;
    collector_open(&c, NULL);
    otlp_target target = target_at(c.url);
    target.timeout_ms = 20;
    assert_int_equal(send_once(&target, later_ns()).outcome, OTLP_RETRY);
    target.timeout_ms = PATIENT_MS;
    assert_int_equal(send_once(&target, clock_monotonic_ns() + 20 * NS_PER_MS).outcome, OTLP_RETRY);
    collector_close(&c);
}

static void does_not_begin_without_time(void **state)
{
    (void)state;
    collector c;
    collector_open(&c, COLLECTOR_TAKES_ALL);
    otlp_target target = target_at(c.url);
    otlp_reply reply = send_once(&target, clock_monotonic_ns() - 1);
    assert_int_equal(reply.outcome, OTLP_RETRY);
    assert_string_equal(reply.cause, "no time left");
    collector_close(&c);
    assert_int_equal(c.connections, 0);
}

static void *hurry(void *argument)
{
    otlp_client_hurry(argument, clock_monotonic_ns());
    return NULL;
}

static void a_hurry_ends_an_attempt_under_way(void **state)
{
    (void)state;
    collector c;
    pthread_t thread;
    otlp_reply reply;
    buf message;
    collector_open(&c, NULL);
    otlp_target target = target_at(c.url);
    otlp_client *client = open_client(&target);
    buf_init(&message, 100);
    assert_true(buf_append_string(&message, "message"));
    assert_true(thread_start(&thread, hurry, client, "hurry"));
    otlp_client_send(client, &message, later_ns(), &reply); /* returns at all */
    assert_int_equal(reply.outcome, OTLP_RETRY);
    pthread_join(thread, NULL);
    buf_free(&message);
    otlp_client_close(client);
    collector_close(&c);
}

static void a_header_too_long_to_send_is_refused_at_once(void **state)
{
    (void)state;
    static char value[8192 - sizeof "x-long: " + 2]; /* with the name one byte too many */
    memset(value, 'v', sizeof value - 1);
    name_value header = {(char *)"x-long", value};
    otlp_target target = target_at("http://127.0.0.1:1/");
    target.headers = (name_values){&header, 1};
    otlp_client *client = (otlp_client *)&target;
    aki_error error;
    assert_int_equal(otlp_client_open(&client, &target, &error), AKI_INVALID_ARGUMENT);
    assert_null(client);
    assert_non_null(strstr(error.message, "x-long has 8192 bytes"));
    assert_non_null(strstr(error.hint, "OTEL_EXPORTER_OTLP_HEADERS"));
    value[sizeof value - 2] = '\0';
    assert_int_equal(otlp_client_open(&client, &target, &error), AKI_OK);
    otlp_client_close(client);
    otlp_client_close(NULL);
}

/* ---- gRPC: frames of HTTP/2 (RFC 9113), written by hand ---- */

enum { FRAME_DATA = 0, FRAME_HEADERS = 1, FRAME_RST_STREAM = 3, FRAME_SETTINGS = 4 };
enum { FLAG_END_STREAM = 1, FLAG_END_HEADERS = 4 };

static void put_frame(buf *out, int type, int flags, int stream, const buf *payload)
{
    const size_t length = payload != NULL ? payload->length : 0;
    const uint8_t head[9] = {(uint8_t)(length >> 16), (uint8_t)(length >> 8), (uint8_t)length,
                             (uint8_t)type,           (uint8_t)flags,         [8] = (uint8_t)stream};
    assert_true(buf_append(out, head, sizeof head));
    if (payload != NULL)
        assert_true(buf_append(out, payload->data, length));
}

/* HPACK (RFC 7541): a literal that is not indexed. Short names and values only. */
static void put_field(buf *out, const char *name, const char *value)
{
    assert_true(buf_append_char(out, 0) && buf_append_char(out, (char)strlen(name)) &&
                buf_append_string(out, name) && buf_append_char(out, (char)strlen(value)) &&
                buf_append_string(out, value));
}

typedef struct grpc_collector {
    int listening, connection;
    pthread_t thread;
    const char *status, *message; /* grpc-status and grpc-message; NULL = left out */
    bool breaks_off;              /* the stream is reset before it ends */
    bool early;                   /* it answers when the headers have come */
    uint8_t prefix[5];            /* of the message received */
} grpc_collector;

static bool receive(int connection, void *out, size_t bytes)
{
    return recv(connection, out, bytes, MSG_WAITALL) == (ssize_t)bytes;
}

/* Reads frames until the request's headers have come, or all of it. */
static bool receive_request(grpc_collector *c)
{
    char preface[24];
    if (!receive(c->connection, preface, sizeof preface) || memcmp(preface, "PRI * HTTP/2.0\r\n", 16) != 0)
        return false;
    for (;;) {
        static uint8_t payload[1 << 16];
        uint8_t head[9];
        if (!receive(c->connection, head, sizeof head))
            return false;
        const size_t length = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
        if (length > sizeof payload || (length > 0 && !receive(c->connection, payload, length)))
            return false;
        if (head[3] == FRAME_DATA && length >= sizeof c->prefix)
            memcpy(c->prefix, payload, sizeof c->prefix);
        const bool of_request = head[3] == FRAME_DATA || head[3] == FRAME_HEADERS;
        if (of_request && (c->early || (head[4] & FLAG_END_STREAM) != 0))
            return true;
    }
}

static void *serve_grpc(void *argument)
{
    grpc_collector *c = argument;
    buf out, fields, code;
    char rest[4096];
    c->connection = accept(c->listening, NULL, NULL);
    buf_init(&out, 4096);
    buf_init(&fields, 4096);
    buf_init(&code, 4);
    put_frame(&out, FRAME_SETTINGS, 0, 0, NULL);
    put_field(&fields, ":status", "200");
    put_field(&fields, "content-type", "application/grpc");
    if (c->status != NULL)
        put_field(&fields, "grpc-status", c->status);
    if (c->message != NULL)
        put_field(&fields, "grpc-message", c->message);
    put_frame(&out, FRAME_HEADERS, FLAG_END_HEADERS | (c->breaks_off ? 0 : FLAG_END_STREAM), 1, &fields);
    assert_true(buf_append(&code, "\0\0\0\2", 4)); /* INTERNAL_ERROR */
    if (c->breaks_off)
        put_frame(&out, FRAME_RST_STREAM, 0, 1, &code);
    if (receive_request(c))
        (void)send(c->connection, out.data, out.length, MSG_NOSIGNAL);
    while (recv(c->connection, rest, sizeof rest, 0) > 0)
        ;
    close(c->connection);
    buf_free(&out);
    buf_free(&fields);
    buf_free(&code);
    return NULL;
}

static otlp_reply call_grpc(grpc_collector *c, size_t more)
{
    collector port;
    collector_listen(&port);
    c->listening = port.listening;
    otlp_target target = target_at(port.url);
    target.grpc = true;
    assert_true(thread_start(&c->thread, serve_grpc, c, "grpc"));
    otlp_reply reply = send_with(&target, later_ns(), more);
    pthread_join(c->thread, NULL);
    close(c->listening);
    return reply;
}

static void a_call_ends_with_its_status(void **state)
{
    (void)state;
    static const struct {
        const char *status, *message;
        otlp_outcome outcome;
        const char *cause;
    } rows[] = {
        {"0", NULL, OTLP_ACCEPTED, ""},
        {"14", "later", OTLP_RETRY, "gRPC status 14 UNAVAILABLE: later"},
        {"3", "odd", OTLP_REFUSED, "gRPC status 3 INVALID_ARGUMENT: odd"},
        {NULL, NULL, OTLP_RETRY, "HTTP status 200 without a gRPC status"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        grpc_collector c = {.status = rows[i].status, .message = rows[i].message};
        otlp_reply reply = call_grpc(&c, 0);
        assert_int_equal(reply.outcome, rows[i].outcome);
        assert_string_equal(reply.cause, rows[i].cause);
        assert_memory_equal(c.prefix, "mes\0s", 5); /* the frame is otlp_frame's */
    }
}

/* As servers do that refuse before they have read all (RFC 9113, 8.1). The large message does not fit the stream's window:
 * its rest can never be sent, and is not waited for. */
static void a_status_counts_that_comes_early(void **state)
{
    (void)state;
    static const size_t more[] = {0, (size_t)1 << 20};
    for (size_t i = 0; i < 2; i++) {
        grpc_collector c = {.status = "16", .message = "who are you", .early = true};
        otlp_reply reply = call_grpc(&c, more[i]);
        assert_int_equal(reply.outcome, OTLP_REFUSED);
        assert_string_equal(reply.cause, "gRPC status 16 UNAUTHENTICATED: who are you");
    }
}

static void a_stream_that_breaks_off_may_pass(void **state)
{
    (void)state;
    grpc_collector c = {.breaks_off = true};
    assert_int_equal(call_grpc(&c, 0).outcome, OTLP_RETRY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_comes_whole_with_its_headers),
        cmocka_unit_test(a_connection_is_kept),
        cmocka_unit_test(what_one_reply_said_is_not_taken_for_the_next),
        cmocka_unit_test(a_reply_that_begins_with_a_folded_line_is_borne),
        cmocka_unit_test(a_reply_longer_than_needed_is_read_to_its_end),
        cmocka_unit_test(replies_that_break_off_may_pass),
        cmocka_unit_test(a_redirection_is_not_followed),
        cmocka_unit_test(a_collector_that_is_not_there_may_come),
        cmocka_unit_test(what_is_wrong_here_stays_wrong),
        cmocka_unit_test(a_missing_certificate_file_is_refused),
        cmocka_unit_test(gives_up_at_its_timeout),
        cmocka_unit_test(does_not_begin_without_time),
        cmocka_unit_test(a_hurry_ends_an_attempt_under_way),
        cmocka_unit_test(a_header_too_long_to_send_is_refused_at_once),
        cmocka_unit_test(a_call_ends_with_its_status),
        cmocka_unit_test(a_status_counts_that_comes_early),
        cmocka_unit_test(a_stream_that_breaks_off_may_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
