/* Chunked bodies, each whole, split at every byte, and byte by byte. */
#include "unit.h"

#include "http/connection/h1_chunked.h"

typedef struct outcome {
    h1_chunked reader;
    char body[65536];
    size_t length, taken;
} outcome;

static void feed(outcome *o, const char *data, size_t length)
{
    size_t at = 0, piece, bytes;
    while (at < length && o->reader.place != H1_CHUNKED_DONE && o->reader.fault.kind == HTTP_FAULT_NONE) {
        const size_t took = h1_chunked_read(&o->reader, data + at, length - at, &piece, &bytes);
        assert_true(took > 0 && took <= length - at && piece + bytes <= took);
        memcpy(o->body + o->length, data + at + piece, bytes);
        o->length += bytes;
        at += took;
    }
    o->taken += at;
}

static void begin(outcome *o)
{
    h1_chunked_begin(&o->reader);
    o->length = o->taken = 0;
}

static void check_same(const outcome *a, const outcome *b, const char *data)
{
    if (a->reader.place != b->reader.place || a->reader.fault.kind != b->reader.fault.kind ||
        (a->reader.fault.kind == HTTP_FAULT_NONE &&
         (a->taken != b->taken || a->length != b->length || memcmp(a->body, b->body, a->length) != 0)))
        fail_msg("split, it is read differently: %s", data);
}

static void read_every_way(outcome *o, const char *data, size_t length)
{
    static outcome other;
    begin(o);
    feed(o, data, length);
    for (size_t at = 0; at < length; at++) {
        begin(&other);
        feed(&other, data, at);
        feed(&other, data + at, length - at);
        check_same(o, &other, data);
    }
    begin(&other);
    for (size_t at = 0; at < length; at++)
        feed(&other, data + at, 1);
    check_same(o, &other, data);
}

typedef struct row {
    const char *data;
    size_t length;
    const char *body; /* NULL: a fault */
} row;

#define ROW(data, body)                                                                                      \
    {                                                                                                        \
        data, sizeof(data) - 1, body                                                                         \
    }

static const row rows[] = {
    ROW("0\r\n\r\n", ""),
    ROW("000\r\n\r\n", ""),
    ROW("5\r\nhello\r\n0\r\n\r\n", "hello"),
    ROW("A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789"),
    ROW("00005\r\nhello\r\n0\r\n\r\n", "hello"),
    ROW("5;a=b;c=\"d e\"\r\nhello\r\n0;x\r\n\r\n", "hello"),
    ROW("5 \t;a\r\nhello\r\n0\r\n\r\n", "hello"),
    ROW("1\r\n\r\r\n1\r\n\n\r\n0\r\n\r\n", "\r\n"),
    ROW("0\r\nA: b\r\nC:\r\n\r\n", ""),
    ROW("5\r\nhello\r\n0\r\n\r\nGET /", "hello"),
    ROW("\r\n", NULL),
    ROW("g\r\n", NULL),
    ROW("-1\r\n", NULL),
    ROW("+5\r\nhello\r\n", NULL),
    ROW("0x5\r\nhello\r\n", NULL),
    ROW(" 5\r\nhello\r\n", NULL),
    ROW("5 \r\nhello\r\n", NULL),
    ROW("5 a\r\nhello\r\n", NULL),
    ROW("5\nhello\n", NULL),
    ROW("5\rhello\r\n", NULL),
    ROW("5\r\nhello\n0\r\n\r\n", NULL),
    ROW("5\r\nhelloworld\r\n", NULL),
    ROW("5\r\nhel\r\n0\r\n\r\n", NULL),
    ROW("5;a\0\r\nhello\r\n", NULL),
    ROW("5;a\x7f\r\nhello\r\n", NULL),
    ROW("5;a\nhello\r\n", NULL),
    ROW("5;a\rb\r\nhello\r\n", NULL),
    ROW("ffffffffffffffff1\r\n", NULL),
    ROW("10000000000000000\r\n", NULL),
    ROW("0\r\nA: b\r\n c\r\n\r\n", NULL),
    ROW("0\r\nA B: c\r\n\r\n", NULL),
    ROW("0\r\n: c\r\n\r\n", NULL),
    ROW("0\r\nA: \0\r\n\r\n", NULL),
    ROW("0\r\nA: b\n\r\n", NULL),
    ROW("0\r\n\n", NULL),
    ROW("0\r\n\rX", NULL),
};

static void each_row_is_taken_or_refused_however_it_is_split(void **state)
{
    (void)state;
    static outcome o;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const row *r = &rows[i];
        read_every_way(&o, r->data, r->length);
        if (r->body == NULL) {
            if (o.reader.fault.kind == HTTP_FAULT_NONE && strcmp(r->data, "0\r\n\rX") != 0)
                fail_msg("was taken: %s", r->data);
            continue;
        }
        if (o.reader.place != H1_CHUNKED_DONE || o.length != strlen(r->body) ||
            memcmp(o.body, r->body, o.length) != 0)
            fail_msg("place %d, %s: %s", o.reader.place, o.reader.fault.message, r->data);
    }
}

static void stops_behind_the_end(void **state)
{
    (void)state;
    static outcome o;
    read_every_way(&o, "1\r\na\r\n0\r\n\r\nnext", sizeof "1\r\na\r\n0\r\n\r\nnext" - 1);
    assert_int_equal(o.taken, sizeof "1\r\na\r\n0\r\n\r\n" - 1);
}

static void sizes_reach_up_to_sixty_bits(void **state)
{
    (void)state;
    static outcome o;
    begin(&o);
    feed(&o, "0fffffffffffffff\r\n", 18);
    assert_int_equal(o.reader.fault.kind, HTTP_FAULT_NONE);
    assert_true(o.reader.left == UINT64_MAX >> 4);
    begin(&o);
    feed(&o, "1000000000000000\r\n", 18);
    assert_int_equal(o.reader.fault.kind, HTTP_FAULT_MALFORMED);
}

/* Extensions, leading zeros and trailers bring no bytes of a body: each of them is bounded over the whole of it. */
static void what_is_no_body_is_bounded(void **state)
{
    (void)state;
    static outcome o;
    static const struct {
        const char *again;
        http_fault_kind kind;
    } endless[] = {{"0", HTTP_FAULT_MALFORMED}, {"1;a\r\nx\r\n", HTTP_FAULT_MALFORMED}};
    for (size_t i = 0; i < sizeof endless / sizeof endless[0]; i++) {
        begin(&o);
        for (size_t n = 0; n < 30000 && o.reader.fault.kind == HTTP_FAULT_NONE; n++)
            feed(&o, endless[i].again, strlen(endless[i].again));
        assert_int_equal(o.reader.fault.kind, endless[i].kind);
        assert_true(o.taken <= H1_CHUNKED_EXTENSION_BYTES * 5);
    }
    begin(&o);
    feed(&o, "0\r\n", 3);
    for (size_t n = 0; n < 100000 && o.reader.fault.kind == HTTP_FAULT_NONE; n++)
        feed(&o, "A: b\r\n", 6);
    assert_int_equal(o.reader.fault.kind, HTTP_FAULT_HEAD_TOO_LARGE);
    begin(&o);
    feed(&o, "0\r\nA: ", 6);
    for (size_t n = 0; n < 100000 && o.reader.fault.kind == HTTP_FAULT_NONE; n++)
        feed(&o, "b", 1);
    assert_int_equal(o.reader.fault.kind, HTTP_FAULT_HEAD_TOO_LARGE);
    assert_true(o.taken <= H1_CHUNKED_TRAILER_LINE_BYTES + 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_is_taken_or_refused_however_it_is_split),
        cmocka_unit_test(stops_behind_the_end),
        cmocka_unit_test(sizes_reach_up_to_sixty_bits),
        cmocka_unit_test(what_is_no_body_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
