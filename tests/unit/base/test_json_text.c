#include "unit.h"

#include "base/json_text.h"

#include <jansson.h>

static void assert_json(const char *text, size_t length, const char *expected)
{
    buf out;
    buf_init(&out, 1000);
    assert_true(json_text_append(&out, text, length));
    assert_string_equal(out.data, expected);
    buf_free(&out);
}

static void escapes_what_must_be_escaped(void **state)
{
    (void)state;
    assert_json("", 0, "\"\"");
    assert_json("a\"b\\c/", 6, "\"a\\\"b\\\\c/\"");
    assert_json("\0\n\x1F\x7F", 4, "\"\\u0000\\u000a\\u001f\\u007f\"");
    assert_json("\xC3\xA9\xF0\x9F\x98\x80", 6, "\"\xC3\xA9\xF0\x9F\x98\x80\"");
}

static void escapes_what_is_not_seen_where_asked_to(void **state)
{
    (void)state;
    static const char text[] = "a\xC2\x9B\"\xE2\x80\xAE\xF3\xA0\x80\x81\xFF\xC3\xA9";
    buf out;
    buf_init(&out, 1000);
    assert_true(json_text_append_visible(&out, text, sizeof text - 1));
    assert_string_equal(out.data, "\"a\\u009b\\\"\\u202e\\udb40\\udc01\xEF\xBF\xBD\xC3\xA9\"");
    buf_free(&out);
}

static void replaces_bytes_that_are_not_utf8(void **state)
{
    (void)state;
    assert_json("a\xFFz", 3, "\"a\xEF\xBF\xBDz\"");
    assert_json("\xC3", 1, "\"\xEF\xBF\xBD\"");
    assert_json("\xED\xA0\x80", 3, "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

static void any_bytes_come_out_as_valid_json(void **state)
{
    (void)state;
    uint32_t random = 1;
    for (int round = 0; round < 5000; round++) {
        char bytes[24];
        for (size_t i = 0; i < sizeof bytes; i++) {
            random = random * 1664525U + 1013904223U;
            bytes[i] = (char)(random >> 24);
        }
        buf out;
        buf_init(&out, 1000);
        assert_true(json_text_append(&out, bytes, sizeof bytes));
        json_t *value = json_loadb(out.data, out.length, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        assert_true(json_is_string(value));
        json_decref(value);
        buf_free(&out);
    }
}

static void fails_where_the_buffer_ends(void **state)
{
    (void)state;
    buf out;
    buf_init(&out, 4);
    assert_false(json_text_append_string(&out, "long"));
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes_what_must_be_escaped),
        cmocka_unit_test(escapes_what_is_not_seen_where_asked_to),
        cmocka_unit_test(replaces_bytes_that_are_not_utf8),
        cmocka_unit_test(any_bytes_come_out_as_valid_json),
        cmocka_unit_test(fails_where_the_buffer_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
