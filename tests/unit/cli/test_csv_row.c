#include "unit.h"

#include "cli/bulk/csv_row.h"

/* One line of CSV and the columns it stands for, separated by '~'. */
static void expect_row(const char *line, const char *columns)
{
    csv_row row;
    csv_row_init(&row, ',', 1000);
    csv_row_begin(&row);
    assert_int_equal(csv_row_add(&row, line, strlen(line), 0), CSV_COMPLETE);
    char joined[300] = "";
    for (size_t i = 0; i < csv_row_columns(&row); i++) {
        size_t length, used = strlen(joined);
        const char *text = csv_row_column(&row, i, &length);
        snprintf(joined + used, sizeof joined - used, "%s%.*s", i > 0 ? "~" : "", (int)length, text);
    }
    assert_string_equal(joined, columns);
    csv_row_free(&row);
}

static void test_torture_table(void **state)
{
    (void)state;
    static const struct {
        const char *line, *columns;
    } table[] = {
        {"", ""},
        {"a", "a"},
        {"a,b,c", "a~b~c"},
        {",", "~"},
        {",,", "~~"},
        {"a,", "a~"},
        {",a", "~a"},
        {" a , b ", " a ~ b "},
        {"\"a\"", "a"},
        {"\"\"", ""},
        {"\"\",\"\"", "~"},
        {"\"a,b\",c", "a,b~c"},
        {"\"a \"\"quoted\"\" word\",b", "a \"quoted\" word~b"},
        {"\"\"\"\"", "\""},
        {"\"\"\"\"\"\"", "\"\""},
        {"\"\"\"a\"\"\"", "\"a\""},
        {"\",\"", ","},
        {"5\" pipe,6\"\" pipe", "5\" pipe~6\"\" pipe"},
        {"a\"b\"c", "a\"b\"c"},
        {" \"a\"", " \"a\""},
        {"a;b\tc|d", "a;b\tc|d"},
        {"caf\xC3\xA9,\xE4\xB8\xAD", "caf\xC3\xA9~\xE4\xB8\xAD"},
        {"'a,b'", "'a~b'"},
        {"\"a\",\"b\",", "a~b~"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        expect_row(table[i].line, table[i].columns);
}

static void test_row_over_several_lines(void **state)
{
    (void)state;
    csv_row row;
    size_t length;
    csv_row_init(&row, ';', 1000);
    csv_row_begin(&row);
    assert_int_equal(csv_row_add(&row, "1;\"first\r\n", 8, 2), CSV_MORE);
    assert_int_equal(csv_row_add(&row, "\n", 0, 1), CSV_MORE);
    assert_int_equal(csv_row_add(&row, "last\";2", 7, 0), CSV_COMPLETE);
    assert_int_equal(csv_row_columns(&row), 3);
    assert_memory_equal(csv_row_column(&row, 1, &length), "first\r\n\nlast", 12);
    assert_int_equal(length, 12);
    csv_row_begin(&row); /* used again */
    assert_int_equal(csv_row_add(&row, "x", 1, 0), CSV_COMPLETE);
    assert_int_equal(csv_row_columns(&row), 1);
    csv_row_free(&row);
}

static void test_mistakes(void **state)
{
    (void)state;
    csv_row row;
    csv_row_init(&row, ',', 10);
    csv_row_begin(&row);
    assert_int_equal(csv_row_add(&row, "\"a\"b,c", 6, 0), CSV_BAD_QUOTE);
    csv_row_begin(&row);
    assert_int_equal(csv_row_add(&row, "\"a\" ,c", 6, 0), CSV_BAD_QUOTE);
    csv_row_begin(&row);
    assert_int_equal(csv_row_add(&row, "0123456789", 10, 0), CSV_COMPLETE);
    csv_row_begin(&row);
    assert_int_equal(csv_row_add(&row, "01234567890", 11, 0), CSV_TOO_LONG);
    csv_row_begin(&row);
    assert_int_equal(csv_row_add(&row, "\"012345678", 10, 1), CSV_MORE);
    assert_int_equal(csv_row_add(&row, "9\"", 2, 0), CSV_TOO_LONG);
    csv_row_free(&row);
    csv_row_init(&row, ',', CSV_MAX_COLUMNS + 10);
    csv_row_begin(&row);
    static char commas[CSV_MAX_COLUMNS];
    memset(commas, ',', sizeof commas);
    assert_int_equal(csv_row_add(&row, commas, sizeof commas - 1, 0), CSV_COMPLETE);
    assert_int_equal(csv_row_columns(&row), CSV_MAX_COLUMNS);
    csv_row_begin(&row);
    assert_int_equal(csv_row_add(&row, commas, sizeof commas, 0), CSV_TOO_LONG);
    csv_row_free(&row);
}

static void test_empty_line_is_told_from_an_empty_column(void **state)
{
    (void)state;
    csv_row row;
    csv_row_init(&row, ',', 10);
    csv_row_begin(&row);
    csv_row_add(&row, "", 0, 1);
    assert_true(csv_row_line_is_empty(&row));
    csv_row_begin(&row);
    csv_row_add(&row, "\"\"", 2, 1);
    assert_false(csv_row_line_is_empty(&row));
    csv_row_begin(&row);
    csv_row_add(&row, ",", 1, 1);
    assert_false(csv_row_line_is_empty(&row));
    csv_row_free(&row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_torture_table),
        cmocka_unit_test(test_row_over_several_lines),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_empty_line_is_told_from_an_empty_column),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
