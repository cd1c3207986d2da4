#include "unit.h"

#include "base/clock.h"
#include "base/memory.h"
#include "cli/options/commands.h"
#include "cli/serve/serve_options.h"

static const char *const no_environment[] = {NULL};

static options resolved(const char *const *arguments)
{
    options o;
    aki_error error = {.message = ""};
    int count = 0;
    while (arguments[count] != NULL)
        count++;
    if (options_resolve(&o, COMMAND_SERVE, count, arguments, no_environment, &error) != AKI_OK)
        fail_msg("%s", error.message);
    return o;
}
#define RESOLVED(...) resolved((const char *const[]){__VA_ARGS__, NULL})

static server_settings settings_of(const options *o)
{
    server_settings settings;
    server_settings_init(&settings);
    serve_options_read(o, &settings);
    return settings;
}

static void the_breaker_is_the_standard_one_unless_asked_otherwise(void **state)
{
    (void)state;
    options o = RESOLVED("--port", "0");
    const breaker_settings b = settings_of(&o).resilience.breaker;
    assert_int_equal(b.failures, breaker_defaults.failures);
    assert_true(b.window_ns == breaker_defaults.window_ns && b.cooldown_ns == breaker_defaults.cooldown_ns);
    assert_true(b.cooldown_max_ns == b.cooldown_ns);
    assert_int_equal(b.cooldown_jitter_percent, 0);
    assert_null(breaker_settings_problem(&b));
    options_free(&o);
}

static void the_cooldown_grows_and_spreads_as_asked(void **state)
{
    (void)state;
    options o = RESOLVED("--breaker-cooldown", "2s", "--breaker-cooldown-max", "1m",
                         "--breaker-cooldown-jitter", "20");
    const breaker_settings b = settings_of(&o).resilience.breaker;
    assert_true(b.cooldown_ns == 2 * NS_PER_S && b.cooldown_max_ns == 60 * NS_PER_S);
    assert_int_equal(b.cooldown_jitter_percent, 20);
    assert_int_equal(serve_options_check(&o, NULL), AKI_OK);
    options_free(&o);
    o = RESOLVED("--breaker-cooldown", "2s", "--breaker-cooldown-max", "1s");
    assert_int_equal(serve_options_check(&o, NULL), AKI_INVALID_ARGUMENT);
    options_free(&o);
    o = RESOLVED("--breaker-cooldown", "2s");
    assert_true(settings_of(&o).resilience.breaker.cooldown_max_ns == 2 * NS_PER_S);
    options_free(&o);
}

static void no_host_leaves_the_unix_socket(void **state)
{
    (void)state;
    options o = RESOLVED("--host", "none", "--unix-socket", "/run/embed", "--unix-socket-mode", "0600");
    assert_false(serve_options_have_address(&o));
    const server_settings s = settings_of(&o);
    assert_null(s.host);
    assert_string_equal(s.unix_socket, "/run/embed");
    assert_int_equal(s.unix_socket_mode, 0600);
    assert_int_equal(serve_options_check(&o, NULL), AKI_OK);
    options_free(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_breaker_is_the_standard_one_unless_asked_otherwise),
        cmocka_unit_test(the_cooldown_grows_and_spreads_as_asked),
        cmocka_unit_test(no_host_leaves_the_unix_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
