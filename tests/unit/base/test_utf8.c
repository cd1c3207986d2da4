#include "unit.h"

#include "base/utf8.h"

static void accepts_every_scalar_value(void **state)
{
    (void)state;
    for (uint32_t c = 0; c <= 0x10FFFF; c++) {
        if (c >= 0xD800 && c <= 0xDFFF)
            continue;
        char bytes[4];
        size_t length = utf8_encode(c, bytes);
        assert_true(utf8_valid(bytes, length, NULL));
        for (size_t cut = 1; cut < length; cut++)
            assert_false(utf8_valid(bytes, cut, NULL));
        uint32_t back;
        assert_int_equal(utf8_decode(bytes, &back), length);
        assert_int_equal(back, c);
    }
}

static void names_the_first_bad_byte(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length, bad;
    } rows[] = {
        {"\x80", 1, 0},             /* lone continuation */
        {"abcdefgh\xFF", 9, 8},     /* never a byte of UTF-8, after a whole ASCII word */
        {"a\xC0\xAF", 3, 1},        /* overlong '/' */
        {"a\xE0\x80\x80", 4, 1},    /* overlong */
        {"\xED\xA0\x80", 3, 0},     /* surrogate */
        {"\xF4\x90\x80\x80", 4, 0}, /* above U+10FFFF */
        {"ab\xE2\x82", 4, 2},       /* cut short */
        {"\xE2\x28\xA1", 3, 0},     /* bad continuation */
        {"\xF0\x9F\x98\x41", 4, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t bad = 99;
        assert_false(utf8_valid(rows[i].bytes, rows[i].length, &bad));
        assert_int_equal(bad, rows[i].bad);
    }
    assert_true(utf8_valid("", 0, NULL));
    assert_true(utf8_valid("a\0b", 3, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_every_scalar_value),
        cmocka_unit_test(names_the_first_bad_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
