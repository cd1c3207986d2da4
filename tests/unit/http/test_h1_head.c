/* Heads of requests, each whole, split at every byte, and byte by byte: the outcome must not depend on it. */
#include "unit.h"

#include "http/connection/h1_head.h"

#define MAX_BYTES 1024
#define ROOM 16384

typedef struct outcome {
    h1_head_state state;
    h1_head head;
    http_request request;
    http_field fields[HTTP_MAX_FIELDS];
    char text[ROOM];
} outcome;

/* pieces end at cuts[0..count) and at length */
static void read_pieces(outcome *o, const char *bytes, size_t length, const size_t *cuts, size_t count,
                        size_t max_bytes)
{
    memset(&o->request, 0, sizeof o->request);
    h1_head_begin(&o->head, max_bytes, o->fields);
    o->state = H1_HEAD_MORE;
    for (size_t i = 0, at = 0; i <= count && o->state == H1_HEAD_MORE; i++) {
        const size_t end = i < count ? cuts[i] : length;
        memcpy(o->text + at, bytes + at, end - at);
        at = end;
        o->state = h1_head_read(&o->head, o->text, at, &o->request);
    }
}

static void check_same(const outcome *a, const outcome *b, const char *bytes)
{
    if (a->state != b->state || a->head.fault.kind != b->head.fault.kind ||
        (a->state == H1_HEAD_WHOLE &&
         (a->request.head_bytes != b->request.head_bytes || a->request.count != b->request.count ||
          a->request.body_bytes != b->request.body_bytes || a->request.chunked != b->request.chunked)))
        fail_msg("split, it is read differently (%d %d, %d %d): %s", a->state, b->state, a->head.fault.kind,
                 b->head.fault.kind, bytes);
}

static void read_every_way(outcome *o, const char *bytes, size_t length, size_t max_bytes)
{
    static outcome other;
    static size_t every[ROOM];
    read_pieces(o, bytes, length, NULL, 0, max_bytes);
    for (size_t at = 0; at <= length; at++) {
        read_pieces(&other, bytes, length, &at, 1, max_bytes);
        check_same(o, &other, bytes);
        every[at] = at;
    }
    read_pieces(&other, bytes, length, every + 1, length - 1, max_bytes);
    check_same(o, &other, bytes);
}

#define GET(rest) "GET / HTTP/1.1\r\nHost: x\r\n" rest
#define POST(rest) "POST / HTTP/1.1\r\nHost: x\r\n" rest

typedef struct row {
    const char *bytes;
    size_t length;
    http_fault_kind fault;
} row;

#define ROW(bytes, fault)                                                                                    \
    {                                                                                                        \
        bytes, sizeof(bytes) - 1, fault                                                                      \
    }
#define GOOD(bytes) ROW(bytes, HTTP_FAULT_NONE)
#define BAD(bytes) ROW(bytes, HTTP_FAULT_MALFORMED)

static const row rows[] = {
    GOOD(GET("\r\n")),
    GOOD("\r\n" GET("\r\n")),
    GOOD("GET / HTTP/1.0\r\n\r\n"),
    GOOD("GET / HTTP/1.7\r\nHost: x\r\n\r\n"),
    GOOD("GET /a?b=c&d=%20e+f HTTP/1.1\r\nHost: x\r\n\r\n"),
    GOOD("GET /|\"<>\\^`{} HTTP/1.1\r\nHost: x\r\n\r\n"),
    GOOD("GET http://h/ HTTP/1.1\r\nHost: x\r\n\r\n"),
    GOOD("GET https://h:1?q HTTP/1.1\r\nHost: x\r\n\r\n"),
    GOOD("GET ftp://h/ HTTP/1.1\r\nHost: x\r\n\r\n"),
    GOOD("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"),
    GOOD("M!#$%&'*+-.^_`|~9 / HTTP/1.1\r\nHost: x\r\n\r\n"),
    GOOD(GET("A:\r\n\r\n")),
    GOOD(GET("A: \t \r\n\r\n")),
    GOOD(GET("A:b\r\n\r\n")),
    GOOD(GET("A: \t b c\td \t\r\n\r\n")),
    GOOD(GET("!#$%&'*+-.^_`|~9: b\r\n\r\n")),
    GOOD(GET("A: \x80\xff\r\n\r\n")),
    GOOD(GET("A: a:b::c:\r\n\r\n")),
    GOOD("GET / HTTP/1.1\r\nHOST:x:80\r\n\r\n"),
    GOOD("GET / HTTP/1.1\r\nHost: \r\n\r\n"),
    GOOD("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"),
    GOOD(POST("Content-Length: 0\r\n\r\n")),
    GOOD(POST("Content-Length: 0000015 \r\n\r\n")),
    GOOD(POST("content-length:999999999999999999\r\n\r\n")),
    GOOD(POST("Transfer-Encoding: chunked\r\n\r\n")),
    GOOD(POST("Transfer-Encoding: ChunkeD \r\n\r\n")),
    GOOD(POST("Upgrade: h2c\r\nConnection: upgrade\r\n\r\n")),
    /* Request lines. */
    BAD("\n" GET("\r\n")),
    BAD("\r\n\r\n" GET("\r\n")),
    BAD(" GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    BAD("GET  / HTTP/1.1\r\nHost: x\r\n\r\n"),
    BAD("GET /  HTTP/1.1\r\nHost: x\r\n\r\n"),
    BAD("GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n"),
    BAD("GET / HTTP/1.1 \r\nHost: x\r\n\r\n"),
    BAD("GET / a HTTP/1.1\r\nHost: x\r\n\r\n"),
    BAD("GET /\r\n\r\n"),
    BAD("GET / HTTP/\r\nHost: x\r\n\r\n"),
    BAD("GET / http/1.1\r\nHost: x\r\n\r\n"),
    BAD("GET / HTTP/1,1\r\nHost: x\r\n\r\n"),
    BAD("GET / HTTP/11.1\r\nHost: x\r\n\r\n"),
    BAD("GET / HTTP/1.11\r\nHost: x\r\n\r\n"),
    BAD("GET / HTTP/1.1\nHost: x\r\n\r\n"),
    BAD("GET / HTTP/1.1\rHost: x\r\n\r\n"),
    BAD("GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n"),
    BAD("GET /\x7f HTTP/1.1\r\nHost: x\r\n\r\n"),
    BAD("GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n"),
    BAD("GET /#a HTTP/1.1\r\nHost: x\r\n\r\n"),
    BAD("GET / HTTP/1.1\0\r\nHost: x\r\n\r\n"),
    BAD("G\0T / HTTP/1.1\r\nHost: x\r\n\r\n"),
    BAD("G(T / HTTP/1.1\r\nHost: x\r\n\r\n"),
    BAD("GET nothing HTTP/1.1\r\nHost: x\r\n\r\n"),
    BAD("GET * HTTP/1.1\r\nHost: x\r\n\r\n"),
    BAD("GET ://h/ HTTP/1.1\r\nHost: x\r\n\r\n"),
    BAD("GET http:/// HTTP/1.1\r\nHost: x\r\n\r\n"),
    BAD("GET http://u@h/ HTTP/1.1\r\nHost: x\r\n\r\n"),
    BAD("GET http://h:p/ HTTP/1.1\r\nHost: x\r\n\r\n"),
    BAD("CONNECT u@h:1 HTTP/1.1\r\nHost: x\r\n\r\n"),
    BAD("\x16\x03\x01\x02\x00"),
    ROW("CONNECT h:1 HTTP/1.1\r\nHost: x\r\n\r\n", HTTP_FAULT_NOT_IMPLEMENTED),
    ROW("GET / HTTP/2.0\r\nHost: x\r\n\r\n", HTTP_FAULT_VERSION),
    ROW("GET / HTTP/0.9\r\nHost: x\r\n\r\n", HTTP_FAULT_VERSION),
    ROW("LONGLONGLONGLONGLONGLONGLONGLONGLONGLONGLONGLONGLONGLONGLONGLONGL / HTTP/1.1\r\nHost: x\r\n\r\n",
        HTTP_FAULT_NOT_IMPLEMENTED),
    /* Fields. */
    BAD("GET / HTTP/1.1\r\nHos: x\r\n t\r\n\r\n"),
    BAD("GET / HTTP/1.1\r\n Host: x\r\n\r\n"),
    BAD(GET("A: b\r\n c\r\n\r\n")),
    BAD(GET("A: b\r\n\tc\r\n\r\n")),
    BAD(GET("A: b\r\n \r\n\r\n")),
    BAD(GET(":\r\n\r\n")),
    BAD(GET(": b\r\n\r\n")),
    BAD(GET("A : b\r\n\r\n")),
    BAD(GET("A\t: b\r\n\r\n")),
    BAD(GET("A B: c\r\n\r\n")),
    BAD(GET("A\r\n\r\n")),
    BAD(GET("\0A: b\r\n\r\n")),
    BAD(GET("A\0: b\r\n\r\n")),
    BAD(GET("A: \0\r\n\r\n")),
    BAD(GET("A: b\rc\r\n\r\n")),
    BAD(GET("A: b\r\r\n\r\n")),
    BAD(GET("A: b\nC: d\r\n\r\n")),
    BAD(GET("A: b\n\r\n")),
    BAD(GET("A: b\r\n\n")),
    BAD(GET("A: \x1b\r\n\r\n")),
    BAD(GET("A: \x7f\r\n\r\n")),
    BAD(GET("\xc3\xa9: b\r\n\r\n")),
    BAD(GET("A(: b\r\n\r\n")),
    /* Host. */
    BAD("GET / HTTP/1.1\r\n\r\n"),
    BAD(GET("Host: x\r\n\r\n")),
    BAD("GET / HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n"),
    BAD("GET / HTTP/1.1\r\nHost: user@x\r\n\r\n"),
    BAD("GET / HTTP/1.1\r\nHost: x/path\r\n\r\n"),
    BAD("GET / HTTP/1.1\r\nHost: x, y\r\n\r\n"),
    BAD("GET / HTTP/1.1\r\nHost: ###\r\n\r\n"),
    BAD("GET / HTTP/1.1\r\nHost: x:port\r\n\r\n"),
    BAD("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"),
    BAD("GET / HTTP/1.1\r\nHost: x\0\r\n\r\n"),
    /* Where the body ends. */
    BAD(POST("Content-Lengt: 15\r\n h\r\n\r\n")),
    BAD(POST("Transfer-Encodin: chunked\r\n g\r\n\r\n")),
    BAD(POST("Transfer-Encoding:\r\n chunked\r\nContent-Length: 15\r\n\r\n")),
    BAD(POST("Content-Length: 15\r\nContent-Length: 5\r\n 0\r\n\r\n")),
    BAD(POST("Content-Length: 2\r\nContent-Length: 2\r\n\r\n")),
    BAD(POST("Content-Length: 2, 2\r\n\r\n")),
    BAD(POST("Content-Length: +2\r\n\r\n")),
    BAD(POST("Content-Length: -2\r\n\r\n")),
    BAD(POST("Content-Length: 0x2\r\n\r\n")),
    BAD(POST("Content-Length: 2 2\r\n\r\n")),
    BAD(POST("Content-Length: 2;\r\n\r\n")),
    BAD(POST("Content-Length:\r\n\r\n")),
    BAD(POST("Content-Length: 99999999999999999999\r\n\r\n")),
    BAD(POST("Content-Length: 18446744073709551617\r\n\r\n")),
    BAD(POST("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n")),
    BAD(POST("Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n")),
    BAD(POST("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n")),
    BAD(POST("Transfer-Encoding: chunked, chunked\r\n\r\n")),
    BAD(POST("Transfer-Encoding: chunked, identity\r\n\r\n")),
    BAD(POST("Transfer-Encoding: chunked, gzip\r\n\r\n")),
    BAD(POST("Transfer-Encoding:\r\n\r\n")),
    BAD(POST("Transfer-Encoding: chunked\0\r\n\r\n")),
    BAD(POST("Transfer-Encoding: \x0b"
             "chunked\r\n\r\n")),
    BAD("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ROW(POST("Transfer-Encoding: gzip, chunked\r\n\r\n"), HTTP_FAULT_NOT_IMPLEMENTED),
    ROW(POST("Transfer-Encoding: identity\r\n\r\n"), HTTP_FAULT_NOT_IMPLEMENTED),
    ROW(POST("Transfer-Encoding: xchunked\r\n\r\n"), HTTP_FAULT_NOT_IMPLEMENTED),
    ROW(POST("Transfer-Encoding: \"chunked\"\r\n\r\n"), HTTP_FAULT_NOT_IMPLEMENTED),
};

static void each_row_is_taken_or_refused_however_it_is_split(void **state)
{
    (void)state;
    static outcome o;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const row *r = &rows[i];
        read_every_way(&o, r->bytes, r->length, MAX_BYTES);
        if (o.head.fault.kind != r->fault || (r->fault == HTTP_FAULT_NONE && o.state != H1_HEAD_WHOLE))
            fail_msg("state %d, fault %d (%s), not %d: %s", o.state, o.head.fault.kind, o.head.fault.message,
                     r->fault, r->bytes);
        if (o.state == H1_HEAD_WHOLE)
            assert_int_equal(o.request.head_bytes, r->length);
    }
}

static void tells_what_there_is(void **state)
{
    (void)state;
    static const char bytes[] = "POST /p?q HTTP/1.1\r\nHost: x\r\nA:  b \r\nContent-Length: 15\r\n"
                                "Connection: Keep-Alive, Close\r\nExpect: 100-Continue\r\n\r\nthe body";
    static outcome o;
    read_pieces(&o, bytes, sizeof bytes - 1, NULL, 0, MAX_BYTES);
    assert_int_equal(o.state, H1_HEAD_WHOLE);
    assert_string_equal(http_request_method(&o.request), "POST");
    assert_string_equal(http_request_target(&o.request), "/p?q");
    assert_int_equal(o.request.version, HTTP_VERSION_1_1);
    assert_string_equal(http_request_header(&o.request, "a"), "b");
    assert_null(http_request_header(&o.request, "b"));
    assert_int_equal(o.request.count, 5);
    assert_int_equal(o.request.body_bytes, 15);
    assert_true(o.request.announced && !o.request.chunked);
    assert_true(o.head.closes && o.head.keeps && o.head.expects);
    assert_int_equal(o.request.head_bytes, sizeof bytes - 1 - 8);
}

static void what_was_read_before_a_fault_is_there(void **state)
{
    (void)state;
    static const char bytes[] = "GET /p HTTP/1.1\r\nx-request-id: mine\r\nbad line\r\n\r\n";
    static outcome o;
    read_pieces(&o, bytes, sizeof bytes - 1, NULL, 0, MAX_BYTES);
    assert_int_equal(o.state, H1_HEAD_FAULTY);
    assert_string_equal(http_request_target(&o.request), "/p");
    assert_string_equal(http_request_header(&o.request, "x-request-id"), "mine");
    read_pieces(&o, "\n", 1, NULL, 0, MAX_BYTES);
    assert_int_equal(o.state, H1_HEAD_FAULTY);
    assert_string_equal(http_request_method(&o.request), "");
    assert_string_equal(http_request_target(&o.request), "");
}

/* A head of `bytes` bytes. */
static size_t make_head(char *out, size_t bytes)
{
    const int length = snprintf(out, ROOM, GET("A: "));
    memset(out + length, 'a', bytes - (size_t)length - 4);
    memcpy(out + bytes - 4, "\r\n\r\n", 4);
    return bytes;
}

static void heads_are_bounded_at_their_limit(void **state)
{
    (void)state;
    static outcome o;
    static char bytes[ROOM];
    read_every_way(&o, bytes, make_head(bytes, MAX_BYTES), MAX_BYTES);
    assert_int_equal(o.state, H1_HEAD_WHOLE);
    read_every_way(&o, bytes, make_head(bytes, MAX_BYTES + 1), MAX_BYTES);
    assert_int_equal(o.head.fault.kind, HTTP_FAULT_HEAD_TOO_LARGE);
    make_head(bytes, ROOM);
    read_pieces(&o, bytes, MAX_BYTES + 1, NULL, 0, MAX_BYTES); /* before its end is there */
    assert_int_equal(o.head.fault.kind, HTTP_FAULT_HEAD_TOO_LARGE);
}

static void targets_are_bounded_at_their_limit(void **state)
{
    (void)state;
    static outcome o;
    static char bytes[ROOM], target[HTTP_MAX_TARGET_BYTES + 2];
    for (size_t more = 0; more < 2; more++) {
        memset(target, 'a', sizeof target);
        target[0] = '/';
        target[HTTP_MAX_TARGET_BYTES + more] = '\0';
        const int length = snprintf(bytes, sizeof bytes, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", target);
        read_pieces(&o, bytes, (size_t)length, NULL, 0, ROOM);
        assert_int_equal(o.head.fault.kind, more > 0 ? HTTP_FAULT_TARGET_TOO_LONG : HTTP_FAULT_NONE);
    }
    memset(bytes, 'a', sizeof bytes);
    memcpy(bytes, "GET /", 5);
    read_pieces(&o, bytes, sizeof bytes, NULL, 0, ROOM);
    assert_int_equal(o.head.fault.kind, HTTP_FAULT_TARGET_TOO_LONG);
    memset(bytes, 'a', 5);
    read_pieces(&o, bytes, sizeof bytes, NULL, 0, ROOM); /* a method without an end */
    assert_int_equal(o.head.fault.kind, HTTP_FAULT_MALFORMED);
}

/* The length shows last, so it must not go before what pieces show first. */
static void a_wrong_beginning_is_told_before_the_length(void **state)
{
    (void)state;
    enum { LINE_AND_MORE = 10000 };
    static outcome o, pieces;
    static char bytes[ROOM];
    memset(bytes, '\1', MAX_BYTES + 10);
    read_every_way(&o, bytes, MAX_BYTES + 10, MAX_BYTES);
    assert_int_equal(o.head.fault.kind, HTTP_FAULT_MALFORMED);
    memset(bytes, 'a', sizeof bytes);
    memcpy(bytes, "GET /", 5);
    read_pieces(&o, bytes, sizeof bytes, NULL, 0, LINE_AND_MORE);
    read_pieces(&pieces, bytes, sizeof bytes, (const size_t[]){LINE_AND_MORE - 10}, 1, LINE_AND_MORE);
    check_same(&o, &pieces, "a long line");
    assert_int_equal(o.head.fault.kind, HTTP_FAULT_TARGET_TOO_LONG);
}

static void fields_are_bounded_at_their_limit(void **state)
{
    (void)state;
    static outcome o;
    static char bytes[ROOM];
    for (size_t more = 0; more < 2; more++) {
        int length = snprintf(bytes, sizeof bytes, GET(""));
        for (size_t i = 1; i < HTTP_MAX_FIELDS + more; i++)
            length += snprintf(bytes + length, sizeof bytes - (size_t)length, "A: b\r\n");
        length += snprintf(bytes + length, sizeof bytes - (size_t)length, "\r\n");
        read_every_way(&o, bytes, (size_t)length, ROOM);
        assert_int_equal(o.head.fault.kind, more > 0 ? HTTP_FAULT_HEAD_TOO_LARGE : HTTP_FAULT_NONE);
        assert_int_equal(o.request.count, HTTP_MAX_FIELDS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_is_taken_or_refused_however_it_is_split),
        cmocka_unit_test(tells_what_there_is),
        cmocka_unit_test(what_was_read_before_a_fault_is_there),
        cmocka_unit_test(heads_are_bounded_at_their_limit),
        cmocka_unit_test(targets_are_bounded_at_their_limit),
        cmocka_unit_test(a_wrong_beginning_is_told_before_the_length),
        cmocka_unit_test(fields_are_bounded_at_their_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
