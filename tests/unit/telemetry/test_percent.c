#include "unit.h"

#include "telemetry/otel_values.h"

static void parses_lists(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool valid;
        size_t count;
        const char *name, *value; /* of the last one */
    } rows[] = {
        {"", true, 0, NULL, NULL},       {" , ,", true, 0, NULL, NULL},
        {"a=b", true, 1, "a", "b"},      {" a = b , c = d ", true, 2, "c", "d"},
        {"a=b,", true, 1, "a", "b"},     {"a=", true, 1, "a", ""},
        {"a=b=c", true, 1, "a", "b=c"},  {"a=%41%2c%2C", true, 1, "a", "A,,"},
        {"a=%4", false, 0, NULL, NULL},  {"a=%", false, 0, NULL, NULL},
        {"a=%g1", false, 0, NULL, NULL}, {"a=%1g", false, 0, NULL, NULL},
        {"a=%00", false, 0, NULL, NULL}, {"a", false, 0, NULL, NULL},
        {"a=1,b", false, 0, NULL, NULL}, {"=1", false, 0, NULL, NULL},
        {"a b=1", false, 0, NULL, NULL}, {"\xc3\xa9=1", false, 0, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        name_values list;
        assert_int_equal(name_values_parse(rows[i].text, &list), rows[i].valid);
        assert_int_equal(list.count, rows[i].count);
        if (rows[i].name != NULL) {
            assert_string_equal(list.items[list.count - 1].name, rows[i].name);
            assert_string_equal(list.items[list.count - 1].value, rows[i].value);
        }
        name_values_free(&list);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(parses_lists)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
