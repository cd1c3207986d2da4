#include "unit.h"

#include "api/float_text.h"

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

static void decodes_what_it_encodes(void **state)
{
    (void)state;
    unsigned char bytes[64];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 37 + 200);
    for (size_t count = 0; count <= sizeof bytes; count++) {
        buf text, back;
        buf_init(&text, 200);
        buf_init(&back, 200);
        assert_true(base64_append(&text, bytes, count));
        assert_true(base64_decode(&back, text.data, text.length));
        assert_int_equal(back.length, count);
        assert_true(count == 0 || memcmp(back.data, bytes, count) == 0);
        buf_free(&text);
        buf_free(&back);
    }
}

static void refuses_what_is_not_base64(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "Z",    "Zg",   "Zg=",  "Zg==Zg", "Z===", "====",     "Zg==Zg==",  "Zm9 ",
        "Zm9-", "Zm=v", "=m9v", "Zm9v\n", "Zm9",  "Zm9vZ===", "\xC3\xA4=="};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        buf out;
        buf_init(&out, 100);
        assert_false(base64_decode(&out, texts[i], strlen(texts[i])));
        buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_vectors_of_rfc_4648), cmocka_unit_test(appends_behind_what_is_there),
        cmocka_unit_test(fails_where_the_buffer_ends),         cmocka_unit_test(decodes_what_it_encodes),
        cmocka_unit_test(refuses_what_is_not_base64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
