#include "unit.h"

#include "telemetry/otel_settings.h"

static size_t times(const resource *r, const char *key)
{
    size_t found = 0;
    for (size_t i = 0; i < r->count; i++)
        found += strcmp(r->attributes[i].key, key) == 0;
    return found;
}

static resource made_of(const char *name, const char *list)
{
    resource r;
    name_values given;
    assert_true(name_values_parse(list, &given));
    assert_true(resource_make(&r, name, &given));
    name_values_free(&given);
    return r;
}

static void names_the_service_by_who_is_nearest(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {NULL, "", "akidb-rest"},
        {NULL, "service.name=listed", "listed"},
        {"named", "service.name=listed", "named"},
        {"named", "", "named"},
        {"", "", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        resource r = made_of(rows[i][0], rows[i][1]);
        assert_string_equal(resource_text(&r, "service.name"), rows[i][2]);
        assert_int_equal(times(&r, "service.name"), 1);
        resource_free(&r);
    }
}

static void what_was_given_wins_over_what_is_known(void **state)
{
    (void)state;
    resource r = made_of(NULL, "host.name=theirs,process.pid=seven,service.instance.id=i,deployment=blue");
    assert_string_equal(resource_text(&r, "host.name"), "theirs");
    assert_string_equal(resource_text(&r, "process.pid"), "seven");
    assert_string_equal(resource_text(&r, "service.instance.id"), "i");
    assert_string_equal(resource_text(&r, "deployment"), "blue");
    for (size_t i = 0; i < r.count; i++)
        assert_int_equal(times(&r, r.attributes[i].key), 1);
    resource_free(&r);
}

static void the_first_of_two_values_counts(void **state)
{
    (void)state;
    resource r = made_of(NULL, "team=first,team=second");
    assert_string_equal(resource_text(&r, "team"), "first");
    assert_int_equal(times(&r, "team"), 1);
    resource_free(&r);
}

static void says_what_is_known_of_the_process(void **state)
{
    (void)state;
    resource r = made_of(NULL, "");
    static const char *const texts[] = {
        "service.version",       "telemetry.sdk.name", "telemetry.sdk.language",
        "telemetry.sdk.version", "host.name",          "host.arch"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_non_null(resource_text(&r, texts[i]));
    assert_string_equal(resource_text(&r, "os.type"), "linux");
    assert_null(resource_text(&r, "process.pid")); /* is no text */
    assert_null(resource_text(&r, "no.such.key"));
    assert_string_equal(r.attributes[r.count - 1].key, "process.pid");
    assert_int_equal(r.attributes[r.count - 1].integer, getpid());
    resource_free(&r);
}

static void each_instance_has_a_random_id(void **state)
{
    (void)state;
    resource a = made_of(NULL, ""), b = made_of(NULL, "");
    const char *id = resource_text(&a, "service.instance.id");
    assert_int_equal(strlen(id), 36);
    for (size_t i = 0; i < 36; i++)
        if (i == 8 || i == 13 || i == 18 || i == 23)
            assert_int_equal(id[i], '-');
        else
            assert_non_null(strchr("0123456789abcdef", id[i]));
    assert_int_equal(id[14], '4');           /* RFC 9562: version */
    assert_non_null(strchr("89ab", id[19])); /* variant */
    assert_string_not_equal(id, resource_text(&b, "service.instance.id"));
    resource_free(&a);
    resource_free(&b);
}

static void freeing_leaves_nothing(void **state)
{
    (void)state;
    resource r = made_of("n", "a=b");
    resource_free(&r);
    assert_int_equal(r.count, 0);
    assert_null(resource_text(&r, "service.name"));
    resource_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_the_service_by_who_is_nearest),
        cmocka_unit_test(what_was_given_wins_over_what_is_known),
        cmocka_unit_test(the_first_of_two_values_counts),
        cmocka_unit_test(says_what_is_known_of_the_process),
        cmocka_unit_test(each_instance_has_a_random_id),
        cmocka_unit_test(freeing_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
