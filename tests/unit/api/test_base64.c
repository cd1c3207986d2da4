#include "unit.h"

#include "api/base64.h"

static void assert_base64(const char *bytes, const char *expected)
{
    buf out;
    buf_init(&out, 100);
    assert_true(base64_append(&out, bytes, strlen(bytes)));
    assert_string_equal(out.data, expected);
    buf_free(&out);
}

static void agrees_with_the_vectors_of_rfc_4648(void **state)
{
    (void)state;
    assert_base64("", "");
    assert_base64("f", "Zg==");
    assert_base64("fo", "Zm8=");
    assert_base64("foo", "Zm9v");
    assert_base64("foob", "Zm9vYg==");
    assert_base64("fooba", "Zm9vYmE=");
    assert_base64("foobar", "Zm9vYmFy");
    assert_base64("\xFB\xEF\xFF", "++//");
}

static void appends_behind_what_is_there(void **state)
{
    (void)state;
    buf out;
    buf_init(&out, 100);
    buf_append_string(&out, "\"");
    const float one = 1.0F;
    assert_true(base64_append(&out, &one, sizeof one));
    assert_string_equal(out.data, "\"AACAPw==");
    buf_free(&out);
}

static void fails_where_the_buffer_ends(void **state)
{
    (void)state;
    buf out;
    buf_init(&out, 7);
    assert_false(base64_append(&out, "abcd", 4));
    assert_true(out.failed);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_vectors_of_rfc_4648),
        cmocka_unit_test(appends_behind_what_is_there),
        cmocka_unit_test(fails_where_the_buffer_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
