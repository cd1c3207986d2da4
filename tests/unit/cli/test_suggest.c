#include "unit.h"

#include "cli/options/options.h"

static void test_distance_counts_edits(void **state)
{
    (void)state;
    assert_int_equal(suggest_distance("serve", "serve"), 0);
    assert_int_equal(suggest_distance("serv", "serve"), 1);
    assert_int_equal(suggest_distance("servve", "serve"), 1);
    assert_int_equal(suggest_distance("sarve", "serve"), 1);
    assert_int_equal(suggest_distance("sevre", "serve"), 1); /* neighbours swapped */
    assert_int_equal(suggest_distance("", "serve"), 5);
    assert_int_equal(suggest_distance("serve", ""), 5);
    assert_int_equal(suggest_distance("ebmde", "embed"), 2);
    assert_int_equal(suggest_distance("pull", "models"), 5);
}

static void test_long_names_have_no_neighbours(void **state)
{
    (void)state;
    char name[200];
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_int_equal(suggest_distance(name, name), SUGGEST_MAX_BYTES);
    name[SUGGEST_MAX_BYTES - 1] = '\0';
    assert_int_equal(suggest_distance(name, name), 0);
}

static void test_near(void **state)
{
    (void)state;
    assert_true(suggest_near("tokenise", "tokenize"));
    assert_true(suggest_near("token", "tokenize")); /* a beginning */
    assert_true(suggest_near("doctr", "doctor"));
    assert_false(suggest_near("bench", "serve"));
    assert_false(suggest_near("x", "embed"));
    assert_false(suggest_near("", "pull"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distance_counts_edits),
        cmocka_unit_test(test_long_names_have_no_neighbours),
        cmocka_unit_test(test_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
