#include "unit.h"

#include "http/request.h"

static void a_name_stands_for_one_or_more_characters(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *path, *value; /* NULL = no match */
    } rows[] = {{"/a", "/a", ""},
                {"/a", "/a/", NULL},
                {"/a", "", NULL},
                {"/models/{model}", "/models/a", "a"},
                {"/models/{model}", "/models/org/name", "org/name"},
                {"/models/{model}", "/models/org%2Fname", "org/name"},
                {"/models/{model}", "/models/org%2fa%20b%", "org/a b%"},
                {"/models/{model}", "/models/%4", "%4"},
                {"/models/{model}", "/models/%zz%41", "%zzA"},
                {"/models/{model}", "/models/", NULL},
                {"/models/{model}", "/models", NULL},
                {"/of/{m}/all", "/of/org/name/all", "org/name"},
                {"/of/{m}/all", "/of//all", NULL},
                {"/of/{m}/all", "/of/all", NULL},
                {"/of/{m}/all", "/of/a/none", NULL}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char value[12], cut[4];
        const char *wanted = rows[i].value != NULL ? rows[i].value : "";
        assert_int_equal(route_path_matches(rows[i].pattern, rows[i].path), rows[i].value != NULL);
        route_path_value(rows[i].pattern, rows[i].path, value, sizeof value);
        assert_string_equal(value, wanted);
        route_path_value(rows[i].pattern, rows[i].path, cut, sizeof cut);
        assert_int_equal(strlen(cut), strlen(wanted) < 3 ? strlen(wanted) : 3);
        assert_memory_equal(cut, wanted, strlen(cut));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_stands_for_one_or_more_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
