#include "unit.h"

#include "base/accept.h"

static void reads_each_entry(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double weight;
    } wanted[] = {{"text/html", 1}, {"a", 0.5}, {"b", 0}, {"c", 0}, {"d", 1}, {"*/*", 0.25}};
    const char *at = " ,text/html, a ; x=y ;\tQ=0.5,b;q=7,c;q=x,d;q,, */*;q=0.25,";
    accept_entry entry;
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        assert_true(accept_next(&at, &entry));
        assert_true(accept_is(&entry, wanted[i].name));
        assert_true(entry.weight == wanted[i].weight);
    }
    assert_false(accept_next(&at, &entry));
    at = NULL;
    assert_false(accept_next(&at, &entry));
}

static void compares_whole_names(void **state)
{
    (void)state;
    const char *at = "Text/HTML;level=1";
    accept_entry entry;
    assert_true(accept_next(&at, &entry));
    assert_true(accept_is(&entry, "text/html"));
    assert_false(accept_is(&entry, "text/htm") || accept_is(&entry, "text/html5"));
}

static void finds_parameters_of_its_own_entry_only(void **state)
{
    (void)state;
    const char *at = "a;version=1.0.0;q=0.5,b;charset=x", *value;
    accept_entry entry;
    assert_true(accept_next(&at, &entry));
    assert_true(accept_parameter(&entry, "version", &value));
    assert_memory_equal(value, "1.0.0;", 6);
    assert_false(accept_parameter(&entry, "charset", &value));
    assert_true(accept_next(&at, &entry));
    assert_true(accept_parameter(&entry, "charset", &value));
    assert_false(accept_parameter(&entry, "version", &value));
}

static void takes_the_greatest_weight(void **state)
{
    (void)state;
    static const char *const names[] = {"text/html", "text/*", NULL};
    assert_true(accept_weight("text/html;q=0.2, text/*;q=0.7, */*", names) == 0.7);
    assert_true(accept_weight("*/*", names) == 0);
    assert_true(accept_weight(NULL, names) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_each_entry),
        cmocka_unit_test(compares_whole_names),
        cmocka_unit_test(finds_parameters_of_its_own_entry_only),
        cmocka_unit_test(takes_the_greatest_weight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
