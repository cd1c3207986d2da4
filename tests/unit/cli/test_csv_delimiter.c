#include "unit.h"

#include "cli/bulk/csv_texts.h"

static void test_first_lines(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        bool header;
        char usual;
        const char *told; /* several: cannot tell between these */
    } table[] = {
        {"text", true, ',', ","},
        {"", true, ',', ","},
        {"", true, '\t', "\t"},
        {"id;text", true, ',', ";"},
        {"id;text,a,b", true, ',', ","},
        {"a,b,c;text", true, ',', ";"},
        {"a,b,c;d", true, ',', ","},
        {"a,b;c", true, ',', ",;"},
        {"a,b;c|d", true, ',', ",;|"},
        {"a,b;c\td|e", true, ',', ",;\t"},
        {"a,b;c\td|e", true, '\t', "\t"},
        {"a;b;c", true, '\t', ";"},
        {"\"a,b,c\";d", true, ',', ";"},
        {"\"a;b\"\"c;d\",e", true, ',', ","},
        {"\"open;quote", true, ',', ","},
        {"a|\"open;quote", true, ',', "|"},
        {"1;a", false, ',', ";"},
        {"1;a, b, c", false, ',', ",;"},
        {"1;\"a, b, c\"", false, ',', ";"},
        {"1\ta, b; c", false, '\t', "\t"},
        {"1|text;text", false, ',', ";|"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char among[4], found[5] = "";
        char told = csv_delimiter_guess(table[i].line, strlen(table[i].line), "text", table[i].header,
                                        table[i].usual, among);
        snprintf(found, sizeof found, "%s", among);
        if (told != '\0')
            snprintf(found, sizeof found, "%c", told);
        if (strcmp(found, table[i].told) != 0)
            print_error("%s\n", table[i].line);
        assert_string_equal(found, table[i].told);
        assert_int_equal(told != '\0', strlen(table[i].told) == 1);
    }
}

static void test_names_are_those_of_the_option(void **state)
{
    (void)state;
    assert_string_equal(csv_delimiter_name(','), "comma");
    assert_string_equal(csv_delimiter_name(';'), "semicolon");
    assert_string_equal(csv_delimiter_name('\t'), "tab");
    assert_string_equal(csv_delimiter_name('|'), "pipe");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_lines),
        cmocka_unit_test(test_names_are_those_of_the_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
