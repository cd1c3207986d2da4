#include "unit.h"

#include "base/error.h"
#include "base/utf8.h"

#include <errno.h>

static void every_status_has_name_text_and_hint(void **state)
{
    (void)state;
#define CHECK(symbol, number, name, text, hint)                                                              \
    assert_string_equal(aki_status_name(symbol), name);                                                      \
    assert_true(strlen(aki_status_text(symbol)) > 0);                                                        \
    assert_true((symbol) == AKI_OK || strlen(error_default_hint(symbol)) > 0);
    AKI_STATUS_TABLE(CHECK)
#undef CHECK
    assert_string_equal(aki_status_name((aki_status)999), "internal_error");
}

static void fills_message_hint_and_index(void **state)
{
    (void)state;
    aki_error error;
    assert_int_equal(error_set(&error, AKI_EMPTY_TEXT, "text %d", 3), AKI_EMPTY_TEXT);
    assert_string_equal(error.message, "text 3");
    assert_string_equal(error.hint, error_default_hint(AKI_EMPTY_TEXT));
    assert_true(error.text_index == AKI_NO_INDEX);
    error_at_text(&error, 3);
    error_hint(&error, "do %s", "this");
    assert_int_equal(error.text_index, 3);
    assert_string_equal(error.hint, "do this");
    assert_int_equal(error_set_errno(&error, AKI_IO_ERROR, ENOENT, "cannot open '%s'", "x"), AKI_IO_ERROR);
    assert_string_equal(error.message, "cannot open 'x': No such file or directory");
    assert_int_equal(error_set(NULL, AKI_INTERNAL, "ignored"), AKI_INTERNAL);
}

static void a_cut_message_stays_valid_utf8(void **state)
{
    (void)state;
    aki_error error;
    char text[1200];
    for (size_t lead = 0; lead < 4; lead++) {
        size_t n = 0;
        while (n < lead)
            text[n++] = 'a';
        while (n + 3 < sizeof text) {
            memcpy(text + n, "\xE2\x82\xAC", 3);
            n += 3;
        }
        text[n] = '\0';
        error_set(&error, AKI_INTERNAL, "%s", text);
        size_t length = strlen(error.message);
        assert_true(length > sizeof error.message - 5);
        assert_true(utf8_valid(error.message, length, NULL));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_name_text_and_hint),
        cmocka_unit_test(fills_message_hint_and_index),
        cmocka_unit_test(a_cut_message_stays_valid_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
