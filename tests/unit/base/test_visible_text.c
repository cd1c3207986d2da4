#include "unit.h"

#include "base/utf8.h"

static void assert_shown(const char *text, const char *expected)
{
    char shown[400];
    size_t length = strlen(text), used = 0;
    while (length > 0) {
        size_t piece;
        assert_true(used + VISIBLE_TEXT_BYTES < sizeof shown);
        const size_t taken = visible_text_next(text, length, shown + used, &piece);
        assert_in_range(piece, 1, VISIBLE_TEXT_BYTES);
        assert_in_range(taken, 1, length);
        used += piece;
        text += taken;
        length -= taken;
    }
    shown[used] = '\0';
    assert_string_equal(shown, expected);
}

static void leaves_text_as_it_is(void **state)
{
    (void)state;
    static const char *const plain[] = {"",
                                        "plain \"text\" with \\ and '",
                                        "caf\xC3\xA9 \xE6\x97\xA5 \xF0\x9F\x98\x80",
                                        "\xC2\xA0",
                                        "\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x94\xAC" /* joined by U+200D */,
                                        "\xEF\xBF\xBD"};
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        assert_shown(plain[i], plain[i]);
}

static void escapes_what_drives_a_terminal_or_misleads_a_reader(void **state)
{
    (void)state;
    assert_shown("\x1b[2J\r\n\t\x7f", "\\x1b[2J\\x0d\\x0a\\x09\\x7f");
    assert_shown("a\xC2\x80z\xC2\x9B\x32J\xC2\x9F\xC2\x85", "a\\u0080z\\u009b2J\\u009f\\u0085");
    assert_shown("\xE2\x80\xA8\xE2\x80\xA9\xE2\x80\xAEtxt\xE2\x81\xA6\xD8\x9C",
                 "\\u2028\\u2029\\u202etxt\\u2066\\u061c");
    assert_shown("\xEF\xBB\xBF{\xEF\xBF\xB9", "\\ufeff{\\ufff9");
    assert_shown("\xF3\xA0\x80\x81", "\\U000e0001");
}

static void replaces_what_is_not_utf8(void **state)
{
    (void)state;
    assert_shown("\x9B\xFFz\xE2\x80", "\xEF\xBF\xBD\xEF\xBF\xBDz\xEF\xBF\xBD\xEF\xBF\xBD");
    assert_shown("\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_text_as_it_is),
        cmocka_unit_test(escapes_what_drives_a_terminal_or_misleads_a_reader),
        cmocka_unit_test(replaces_what_is_not_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
