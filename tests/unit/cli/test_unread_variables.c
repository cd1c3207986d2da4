#include "unit.h"

#include "cli/options/options.h"

static void test_mistyped_and_former_variables_are_found(void **state)
{
    (void)state;
    const char *const environment[] = {"PATH=/bin",
                                       "AKIDB_PROT=1",
                                       "AKIDB_PORT=1",
                                       "AKIDB_TEST_MODEL=",
                                       "AKIDB_SERVICE_HOST=",
                                       "AKIDB_REST_PORT=7",
                                       "AKIDB_MAX_TEXT=3",
                                       "AKIDB_GRPC_PORT=",
                                       "AKIDB_EMBED_PORT=tcp://10.0.0.1:8080",
                                       "AKIDB_LOG_LEVEL=info",
                                       NULL};
    const char *const expected[][2] = {{"AKIDB_PROT", "AKIDB_PORT"},
                                       {"AKIDB_REST_PORT", "AKIDB_PORT"},
                                       {"AKIDB_MAX_TEXT", "AKIDB_MAX_TEXTS"},
                                       {"AKIDB_GRPC_PORT", NULL},
                                       {"AKIDB_LOG_LEVEL", "AKIDB_LOG"}};
    size_t cursor = 0;
    unread_variable found;
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        assert_true(unread_variables_next(environment, &cursor, &found));
        assert_string_equal(found.name, expected[i][0]);
        if (expected[i][1] == NULL)
            assert_null(found.meant);
        else
            assert_string_equal(found.meant, expected[i][1]);
    }
    assert_false(unread_variables_next(environment, &cursor, &found));
}

static void test_a_long_name_is_left_alone(void **state)
{
    (void)state;
    char name[2 * SUGGEST_MAX_BYTES] = "AKIDB_";
    memset(name + 6, 'A', sizeof name - 7);
    const char *const environment[] = {name, NULL};
    size_t cursor = 0;
    unread_variable found;
    assert_false(unread_variables_next(environment, &cursor, &found));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mistyped_and_former_variables_are_found),
        cmocka_unit_test(test_a_long_name_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
