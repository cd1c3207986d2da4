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

static void options_reach_the_settings_of_the_server(void **state)
{
    (void)state;
    options o = RESOLVED("--max-texts", "7", "--cache-mb", "3", "--http-threads", "5", "--no-ui", "--port",
                         "1", "--tls-key", "/key", "--drain-delay", "2m", "--max-body-bytes", "2KiB",
                         "--threads", "9", "--admin-port", "65535", "--model-loads", "4", "--token-ids",
                         "native", "--device-timeout", "3s", "--no-cpu-fallback", "--fallback-cache-mb", "8");
    const server_settings s = settings_of(&o);
    assert_int_equal(s.max_texts, 7);
    assert_int_equal(s.cache_bytes, 3000000);
    assert_int_equal(s.http_threads, 5);
    assert_false(s.has_pages);
    assert_int_equal(s.port, 1);
    assert_string_equal(s.tls_key, "/key");
    assert_int_equal(s.drain_delay_ms, 120000);
    assert_int_equal(s.max_body_bytes, 2048);
    assert_int_equal(s.workers, 9);
    assert_int_equal(s.admin_port, 65535);
    assert_string_equal(s.admin_host, "127.0.0.1");
    assert_int_equal(s.model_loads, 4);
    assert_true(s.takes_token_ids);
    assert_int_equal(s.resilience.device_timeout_ms, 3000);
    assert_false(s.resilience.cpu_fallback);
    assert_int_equal(s.resilience.fallback_cache_bytes, 8000000);
    options_free(&o);
}

static void a_scheduler_without_settings_has_the_defaults_of_the_options(void **state)
{
    (void)state;
    options o = RESOLVED("--port", "0");
    scheduler_resilience own;
    scheduler_resilience_init(&own);
    const scheduler_resilience given = settings_of(&o).resilience;
    assert_int_equal(given.device_timeout_ms, own.device_timeout_ms);
    assert_int_equal(given.cpu_fallback, own.cpu_fallback);
    assert_int_equal(given.fallback_cache_bytes, own.fallback_cache_bytes);
    assert_int_equal(given.retry.attempts, own.retry.attempts);
    assert_true(given.retry.first_delay_ns == own.retry.first_delay_ns);
    assert_int_equal(given.breaker.probes, own.breaker.probes);
    assert_int_equal(given.breaker.successes, own.breaker.successes);
    options_free(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_breaker_is_the_standard_one_unless_asked_otherwise),
        cmocka_unit_test(the_cooldown_grows_and_spreads_as_asked),
        cmocka_unit_test(no_host_leaves_the_unix_socket),
        cmocka_unit_test(options_reach_the_settings_of_the_server),
        cmocka_unit_test(a_scheduler_without_settings_has_the_defaults_of_the_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
