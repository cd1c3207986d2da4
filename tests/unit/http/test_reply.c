/* Replies, and how HTTP/1.1 writes their heads. */
#include "unit.h"

#include "http/connection/h1.h"
#include "http/connection/loop.h"

static void fields_come_back_in_their_order(void **state)
{
    (void)state;
    http_reply reply;
    const char *at = NULL, *name, *value;
    http_reply_init(&reply, 200);
    assert_false(http_reply_next(&reply, &at, &name, &value));
    http_reply_add(&reply, "A", "b");
    http_reply_add(&reply, "C", "");
    at = NULL;
    assert_true(http_reply_next(&reply, &at, &name, &value));
    assert_string_equal(name, "A");
    assert_string_equal(value, "b");
    assert_true(http_reply_next(&reply, &at, &name, &value));
    assert_string_equal(name, "C");
    assert_string_equal(value, "");
    assert_false(http_reply_next(&reply, &at, &name, &value));
    http_reply_free(&reply);
}

static void bodies_are_taken_over(void **state)
{
    (void)state;
    http_reply reply;
    buf body;
    http_reply_init(&reply, 200);
    buf_init(&body, 10);
    assert_true(http_reply_take_body(&reply, &body)); /* empty */
    assert_int_equal(reply.body_bytes, 0);
    buf_append_string(&body, "text");
    assert_true(http_reply_take_body(&reply, &body));
    assert_int_equal(reply.body_bytes, 4);
    assert_memory_equal(reply.body, "text", 4);
    assert_null(body.data);
    buf_append_string(&body, "more than ten bytes");
    assert_false(http_reply_take_body(&reply, &body)); /* it failed before */
    http_reply_free(&reply);
}

static void check_head(const http_reply *reply, h1_connection_field connection, const char *wanted)
{
    buf out;
    buf_init(&out, 4096);
    assert_true(h1_write_head(&out, reply, "now", connection));
    assert_string_equal(out.data, wanted);
    buf_free(&out);
}

static void heads_have_all_that_is_needed(void **state)
{
    (void)state;
    http_reply reply;
    http_reply_init(&reply, 404);
    reply.body_bytes = 17;
    http_reply_add(&reply, "A", "b");
    check_head(&reply, H1_CONNECTION_NONE,
               "HTTP/1.1 404 Not Found\r\nDate: now\r\nA: b\r\nContent-Length: 17\r\n\r\n");
    check_head(
        &reply, H1_CONNECTION_CLOSE,
        "HTTP/1.1 404 Not Found\r\nDate: now\r\nConnection: close\r\nA: b\r\nContent-Length: 17\r\n\r\n");
    http_reply_free(&reply);
    http_reply_init(&reply, 204);
    check_head(&reply, H1_CONNECTION_KEEP,
               "HTTP/1.1 204 No Content\r\nDate: now\r\nConnection: keep-alive\r\n\r\n");
    http_reply_free(&reply);
    http_reply_init(&reply, 299); /* none of ours */
    check_head(&reply, H1_CONNECTION_NONE, "HTTP/1.1 299 \r\nDate: now\r\nContent-Length: 0\r\n\r\n");
    http_reply_free(&reply);
}

static void a_head_beyond_its_room_fails(void **state)
{
    (void)state;
    http_reply reply;
    buf out;
    http_reply_init(&reply, 200);
    buf_init(&out, 100);
    assert_false(h1_write_head(&out, &reply, "now", H1_CONNECTION_NONE));
    buf_free(&out);
    http_reply_free(&reply);
}

static void dates_are_those_of_http(void **state)
{
    (void)state;
    http_date date = {0};
    assert_string_equal(http_date_text(&date, INT64_C(784111777) * 1000000000),
                        "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_string_equal(http_date_text(&date, INT64_C(784111777) * 1000000000 + 999999999),
                        "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_string_equal(http_date_text(&date, INT64_C(4102444800) * 1000000000),
                        "Fri, 01 Jan 2100 00:00:00 GMT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_come_back_in_their_order), cmocka_unit_test(bodies_are_taken_over),
        cmocka_unit_test(heads_have_all_that_is_needed),   cmocka_unit_test(a_head_beyond_its_room_fails),
        cmocka_unit_test(dates_are_those_of_http),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
