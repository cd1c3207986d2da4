#include "unit.h"

#include "engine/settings.h"

static void fills_every_default(void **state)
{
    (void)state;
    aki_settings complete;
    assert_int_equal(settings_complete(&complete, NULL, NULL), AKI_OK);
    assert_true(complete.threads >= 1);
    assert_int_equal(complete.max_pass_tokens, SETTINGS_DEFAULT_PASS_TOKENS);
    assert_int_equal(complete.struct_size, sizeof complete);
}

static void keeps_defaults_beyond_an_older_callers_struct(void **state)
{
    (void)state;
    aki_settings given, complete;
    aki_settings_init(&given);
    given.threads = 7;
    given.max_pass_tokens = 99; /* beyond the size below: not to be read */
    given.struct_size = offsetof(aki_settings, max_pass_tokens);
    assert_int_equal(settings_complete(&complete, &given, NULL), AKI_OK);
    assert_int_equal(complete.threads, 7);
    assert_int_equal(complete.max_pass_tokens, SETTINGS_DEFAULT_PASS_TOKENS);
}

static void refuses_what_it_does_not_know(void **state)
{
    (void)state;
    aki_settings given, complete;
    aki_error error;
    memset(&given, 0, sizeof given);
    assert_int_equal(settings_complete(&complete, &given, &error), AKI_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "aki_settings_init"));
    aki_settings_init(&given);
    given.struct_size = 1 << 20;
    assert_int_equal(settings_complete(&complete, &given, &error), AKI_INVALID_ARGUMENT);
    aki_settings_init(&given);
    given.precision = (aki_precision)77;
    assert_int_equal(settings_complete(&complete, &given, &error), AKI_INVALID_ARGUMENT);
    aki_settings_init(&given);
    given.threads = SETTINGS_MAX_THREADS + 1;
    assert_int_equal(settings_complete(&complete, &given, &error), AKI_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "1024"));
    aki_settings_init(&given);
    given.max_pass_tokens = SETTINGS_MAX_PASS_TOKENS + 1;
    assert_int_equal(settings_complete(&complete, &given, &error), AKI_INVALID_ARGUMENT);
    aki_settings_init(&given);
    given.pin = (aki_pin)3;
    assert_int_equal(settings_complete(&complete, &given, &error), AKI_INVALID_ARGUMENT);
}

static void tells_whether_the_callers_passes_are_limited(void **state)
{
    (void)state;
    aki_settings given;
    assert_false(settings_give_pass_tokens(NULL));
    aki_settings_init(&given);
    assert_false(settings_give_pass_tokens(&given));
    given.max_pass_tokens = 99;
    assert_true(settings_give_pass_tokens(&given));
    given.struct_size = offsetof(aki_settings, max_pass_tokens);
    assert_false(settings_give_pass_tokens(&given));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_every_default),
        cmocka_unit_test(keeps_defaults_beyond_an_older_callers_struct),
        cmocka_unit_test(refuses_what_it_does_not_know),
        cmocka_unit_test(tells_whether_the_callers_passes_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
