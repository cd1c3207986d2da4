/* The head of a reply, byte by byte. */
#include "unit.h"

#include "http/connection/h1.h"
#include "http/connection/loop.h"

#include "base/clock.h"

static void heads_are_written_as_they_should_be(void **state)
{
    (void)state;
    static const struct {
        unsigned status;
        h1_connection_field connection;
        const char *head;
    } rows[] = {
        {200, H1_CONNECTION_NONE, "HTTP/1.1 200 OK\r\nDate: D\r\nA: b\r\nC: \r\nContent-Length: 7\r\n\r\n"},
        {503, H1_CONNECTION_CLOSE,
         "HTTP/1.1 503 Service Unavailable\r\nDate: D\r\nConnection: close\r\nA: b\r\nC: \r\nContent-Length: "
         "7\r\n\r\n"},
        {204, H1_CONNECTION_KEEP,
         "HTTP/1.1 204 No Content\r\nDate: D\r\nConnection: keep-alive\r\nA: b\r\nC: \r\n\r\n"},
        {304, H1_CONNECTION_NONE, "HTTP/1.1 304 Not Modified\r\nDate: D\r\nA: b\r\nC: \r\n\r\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        http_reply reply;
        buf out;
        http_reply_init(&reply, rows[i].status);
        http_reply_add(&reply, "A", "b");
        http_reply_add(&reply, "C", "");
        reply.body_bytes = 7;
        buf_init(&out, 4096);
        assert_true(h1_write_head(&out, &reply, "D", rows[i].connection));
        assert_int_equal(out.length, strlen(rows[i].head));
        assert_memory_equal(out.data, rows[i].head, out.length);
        buf_free(&out);
        reply.body_bytes = 0;
        http_reply_free(&reply);
    }
}

static void a_head_that_is_too_long_is_not_written(void **state)
{
    (void)state;
    http_reply reply;
    buf out;
    http_reply_init(&reply, 200);
    buf_init(&out, 10);
    assert_false(h1_write_head(&out, &reply, "D", H1_CONNECTION_NONE));
    buf_free(&out);
    http_reply_free(&reply);
}

static void dates_are_those_of_the_standard(void **state)
{
    (void)state;
    http_date date = {.second = 0};
    const int64_t second = 784111777; /* the example of RFC 9110 section 5.6.7 */
    assert_string_equal(http_date_text(&date, second * NS_PER_S), "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_string_equal(http_date_text(&date, second * NS_PER_S + NS_PER_S - 1),
                        "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_string_equal(http_date_text(&date, (second + 1) * NS_PER_S), "Sun, 06 Nov 1994 08:49:38 GMT");
    assert_string_equal(http_date_text(&date, 951782400 * NS_PER_S), "Tue, 29 Feb 2000 00:00:00 GMT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_are_written_as_they_should_be),
        cmocka_unit_test(a_head_that_is_too_long_is_not_written),
        cmocka_unit_test(dates_are_those_of_the_standard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
