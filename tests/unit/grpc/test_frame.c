#include "unit.h"

#include "grpc/frame.h"
#include "http/gzip.h"

static http_error error;

static bool take(const char *body, size_t length, const char *encoding, size_t limit, grpc_message *message)
{
    const api_request request = {.body = body, .length = length, .name = "", .encoding = encoding};
    return grpc_unframe(&request, limit, message, &error);
}

static void takes_one_message(void **state)
{
    (void)state;
    grpc_message message;
    assert_true(take("\0\0\0\0\3abc", 8, NULL, 100, &message));
    assert_int_equal(message.bytes, 3);
    assert_memory_equal(message.data, "abc", 3);
    assert_true(take("\0\0\0\0\3abc", 8, "gzip", 100, &message));
    assert_true(take("\0\0\0\0\0", 5, "identity", 100, &message));
    assert_int_equal(message.bytes, 0);
    assert_int_equal(grpc_frame_length("\0\1\2\3\4"), 0x01020304);
    assert_int_equal(grpc_frame_length("\0\xff\xff\xff\xff"), 0xFFFFFFFF);
}

static void refuses_what_is_no_message(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        size_t length;
        const char *encoding;
        http_error_code code;
    } rows[] = {{"", 0, NULL, HTTP_ERROR_NOT_IMPLEMENTED},
                {"\0\0\0\0", 4, NULL, HTTP_ERROR_INVALID_MESSAGE},
                {"\0\0\0\0\2a", 6, NULL, HTTP_ERROR_INVALID_MESSAGE},
                {"\0\xff\xff\xff\xff", 5, NULL, HTTP_ERROR_INVALID_MESSAGE},
                {"\0\0\0\0\1ab", 7, NULL, HTTP_ERROR_NOT_IMPLEMENTED},
                {"\2\0\0\0\1a", 6, NULL, HTTP_ERROR_INVALID_MESSAGE},
                {"\xff\0\0\0\1a", 6, "gzip", HTTP_ERROR_INVALID_MESSAGE},
                {"\1\0\0\0\1a", 6, NULL, HTTP_ERROR_INVALID_MESSAGE},
                {"\1\0\0\0\1a", 6, "identity", HTTP_ERROR_INVALID_MESSAGE},
                {"\1\0\0\0\1a", 6, "gzip", HTTP_ERROR_INVALID_MESSAGE},
                {"\0\0\0\0\1a", 6, "deflate", HTTP_ERROR_UNSUPPORTED_ENCODING},
                {"\0\0\0\0\1a", 6, "", HTTP_ERROR_UNSUPPORTED_ENCODING}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        grpc_message message;
        assert_false(take(rows[i].body, rows[i].length, rows[i].encoding, 100, &message));
        assert_int_equal(error.code, rows[i].code);
        buf_free(&message.plain);
    }
}

static void takes_the_messages_of_a_body_apart(void **state)
{
    (void)state;
    static const char body[] = "\0\0\0\0\3abc\0\0\0\0\0\0\0\0\0\5ab";
    static const size_t lengths[] = {8, 5, 7};
    const api_request whole = {.body = body, .length = sizeof body - 1, .name = "", .encoding = "gzip"};
    api_request frame;
    size_t at = 0;
    for (size_t i = 0; i < 3; i++) {
        const char *wanted = body + at;
        assert_true(grpc_frame_next(&whole, &at, &frame));
        assert_ptr_equal(frame.body, wanted);
        assert_int_equal(frame.length, lengths[i]);
        assert_string_equal(frame.encoding, "gzip");
    }
    assert_false(grpc_frame_next(&whole, &at, &frame));
    assert_int_equal(at, whole.length);
}

static void decompresses_up_to_the_limit(void **state)
{
    (void)state;
    buf text, body;
    grpc_message message;
    buf_init(&text, 10000);
    buf_init(&body, 10000);
    for (int i = 0; i < 100; i++)
        assert_true(buf_printf(&text, "%d ", i));
    const size_t length = text.length;
    assert_true(gzip_reply_deflate(&text));
    const size_t at = grpc_frame_begin(&body);
    assert_true(buf_append(&body, text.data, text.length));
    grpc_frame_end(&body, at);
    body.data[0] = 1;
    assert_true(take(body.data, body.length, "gzip", length, &message));
    assert_int_equal(message.bytes, length);
    assert_memory_equal(message.data, "0 1 2 3 ", 8);
    buf_free(&message.plain);
    assert_false(take(body.data, body.length, "gzip", length - 1, &message));
    assert_int_equal(error.code, HTTP_ERROR_BODY_TOO_LARGE);
    buf_free(&message.plain);
    buf_free(&text);
    buf_free(&body);
}

static void frames_what_is_appended(void **state)
{
    (void)state;
    buf out;
    buf_init(&out, 100);
    assert_true(buf_append_string(&out, "before"));
    const size_t at = grpc_frame_begin(&out);
    assert_true(buf_append_string(&out, "message"));
    grpc_frame_end(&out, at);
    assert_int_equal(out.length, 6 + 5 + 7);
    assert_memory_equal(out.data, "before\0\0\0\0\7message", out.length);
    buf_free(&out);
    buf_init(&out, 7);
    grpc_frame_end(&out, grpc_frame_begin(&out));
    assert_memory_equal(out.data, "\0\0\0\0\0", 5);
    assert_false(buf_append_string(&out, "abc"));
    grpc_frame_end(&out, 0); /* touches nothing */
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_one_message),
        cmocka_unit_test(refuses_what_is_no_message),
        cmocka_unit_test(takes_the_messages_of_a_body_apart),
        cmocka_unit_test(decompresses_up_to_the_limit),
        cmocka_unit_test(frames_what_is_appended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
