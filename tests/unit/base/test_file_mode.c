#include "unit.h"

#include "base/option.h"

static void reads_octal_digits(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned mode;
    } good[] = {{"660", 0660}, {"0600", 0600}, {"777", 0777}, {"000", 0}, {"124", 0124}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        unsigned mode = 1;
        assert_true(file_mode_parse(good[i].text, &mode));
        assert_int_equal(mode, good[i].mode);
    }
}

static void refuses_all_else(void **state)
{
    (void)state;
    static const char *const bad[] = {"",    "6",   "66",  "6600", "00660", "888",
                                      "rw-", "6 0", "-60", "0x6",  "4755"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        unsigned mode = 42;
        char must_be[100] = "";
        assert_false(file_mode_parse(bad[i], &mode));
        assert_int_equal(mode, 42);
        assert_false(file_mode_check(bad[i], must_be, sizeof must_be));
        assert_non_null(strstr(must_be, "660"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_octal_digits),
        cmocka_unit_test(refuses_all_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
