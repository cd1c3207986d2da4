/* Lines of heads and trailer sections: where they end, and what is a field. */
#include "unit.h"

#include "http/connection/h1_head.h"

static void names_are_tokens(void **state)
{
    (void)state;
    unsigned count = 0;
    for (unsigned c = 0; c < 256; c++)
        count += http_is_token_character((unsigned char)c);
    assert_int_equal(count, 10 + 26 + 26 + 15); /* RFC 9110 section 5.6.2 */
    assert_true(http_is_token_character('~') && !http_is_token_character('@') &&
                !http_is_token_character('\0'));
}

static void a_line_ends_in_cr_and_lf(void **state)
{
    (void)state;
    static const char text[] = "a: b\r\n\r\nc\n";
    http_fault fault = {.kind = HTTP_FAULT_NONE};
    size_t from = 0, end, next;
    for (size_t length = 0; length < 6; length++) { /* it comes byte by byte */
        assert_false(line_find_end(text, &from, length, &end, &next, &fault));
        assert_int_equal(fault.kind, HTTP_FAULT_NONE);
        assert_int_equal(from, length);
    }
    assert_true(line_find_end(text, &from, sizeof text - 1, &end, &next, &fault));
    assert_true(end == 4 && next == 6 && from == 6);
    assert_true(line_find_end(text, &from, sizeof text - 1, &end, &next, &fault));
    assert_true(end == 6 && next == 8);
    assert_false(line_find_end(text, &from, sizeof text - 1, &end, &next, &fault));
    assert_int_equal(fault.kind, HTTP_FAULT_MALFORMED);
    fault.kind = HTTP_FAULT_NONE;
    from = 0;
    assert_false(line_find_end("\n", &from, 1, &end, &next, &fault));
    assert_int_equal(fault.kind, HTTP_FAULT_MALFORMED);
}

static void a_field_is_name_colon_value(void **state)
{
    (void)state;
    static const struct {
        const char *line, *name, *value; /* name NULL: it is none */
    } rows[] = {
        {"a: b", "a", "b"},
        {"a:b", "a", "b"},
        {"a:", "a", ""},
        {"a: \t ", "a", ""},
        {"a:\t b c \t", "a", "b c"},
        {"X-1_!: a:b", "X-1_!", "a:b"},
        {"a: \x80\xff\tb", "a", "\x80\xff\tb"},
        {" a: b", NULL, NULL},
        {"\ta: b", NULL, NULL},
        {":b", NULL, NULL},
        {"a", NULL, NULL},
        {"a b: c", NULL, NULL},
        {"a : b", NULL, NULL},
        {"a\t: b", NULL, NULL},
        {"a: \x01", NULL, NULL},
        {"a: b\rc", NULL, NULL},
        {"a: \x7f", NULL, NULL},
        {"a\x80: b", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[40];
        http_field field;
        http_fault fault = {.kind = HTTP_FAULT_NONE};
        const size_t length = strlen(rows[i].line);
        snprintf(text, sizeof text, "--%s\r\n", rows[i].line);
        const bool is_field = field_line_parse(text, 2, 2 + length, &field, &fault);
        if (is_field != (rows[i].name != NULL))
            fail_msg("'%s': %s", rows[i].line, is_field ? "taken" : fault.message);
        assert_int_equal(fault.kind, is_field ? HTTP_FAULT_NONE : HTTP_FAULT_MALFORMED);
        if (!is_field)
            continue;
        assert_string_equal(text + field.name, rows[i].name);
        assert_string_equal(text + field.value, rows[i].value);
    }
}

static void a_nul_is_a_control_character(void **state)
{
    (void)state;
    char text[] = "a: b\0c\r\n";
    http_field field;
    http_fault fault = {.kind = HTTP_FAULT_NONE};
    assert_false(field_line_parse(text, 0, 6, &field, &fault));
    assert_int_equal(fault.kind, HTTP_FAULT_MALFORMED);
    assert_false(http_fault_set(&fault, HTTP_FAULT_VERSION, "another"));
    assert_int_equal(fault.kind, HTTP_FAULT_MALFORMED); /* the first stands */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_tokens),
        cmocka_unit_test(a_line_ends_in_cr_and_lf),
        cmocka_unit_test(a_field_is_name_colon_value),
        cmocka_unit_test(a_nul_is_a_control_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
