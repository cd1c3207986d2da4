#include "unit.h"

#include "server/cors.h"

static void knows_the_origins_of_the_list(void **state)
{
    (void)state;
    static const char list[] = "https://a.example, http://b.example:8080,null";
    assert_true(cors_allows(list, "https://a.example"));
    assert_true(cors_allows(list, "http://b.example:8080"));
    assert_true(cors_allows(list, "null"));
    static const char *const others[] = {"",
                                         "https://a.exampl",
                                         "https://a.example.org",
                                         "http://a.example",
                                         "https://a.example,",
                                         "https://A.example",
                                         "http://b.example",
                                         "https://a.example, http://b.example:8080",
                                         "*"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(cors_allows(list, others[i]));
}

static void a_star_is_every_origin(void **state)
{
    (void)state;
    assert_true(cors_allows("*", "https://a.example"));
    assert_true(cors_allows("https://b.example,*", "https://a.example"));
    assert_false(cors_allows("*", NULL));
    assert_false(cors_allows("*", ""));
    assert_false(cors_allows(NULL, "https://a.example"));
    assert_false(cors_allows("", "https://a.example"));
    assert_false(cors_allows(" ,, ", "https://a.example"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_the_origins_of_the_list),
        cmocka_unit_test(a_star_is_every_origin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
