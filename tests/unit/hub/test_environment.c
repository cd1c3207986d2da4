#include "unit.h"

#include "base/memory.h"
#include "hub/hub.h"

static void clear(void)
{
    static const char *const names[] = {"HF_HUB_CACHE",
                                        "HUGGINGFACE_HUB_CACHE",
                                        "HF_HOME",
                                        "XDG_CACHE_HOME",
                                        "HF_ENDPOINT",
                                        "HF_TOKEN",
                                        "HUGGING_FACE_HUB_TOKEN",
                                        "HF_TOKEN_PATH",
                                        "HF_HUB_DISABLE_IMPLICIT_TOKEN",
                                        "HF_HUB_OFFLINE",
                                        "TRANSFORMERS_OFFLINE",
                                        "HF_HUB_DOWNLOAD_TIMEOUT",
                                        "AKIDB_HUB_ATTEMPTS",
                                        "AKIDB_HUB_RETRY_DELAY_MS",
                                        "AKIDB_HUB_CONNECT_TIMEOUT_MS",
                                        "AKIDB_HUB_STALL_TIMEOUT_MS",
                                        "CURL_CA_BUNDLE",
                                        "REQUESTS_CA_BUNDLE",
                                        "SSL_CERT_FILE"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unsetenv(names[i]);
    setenv("HOME", "/home/someone", 1);
}

static hub_settings read_settings(void)
{
    hub_settings settings;
    assert_int_equal(hub_settings_from_environment(&settings, NULL), AKI_OK);
    return settings;
}

static void expect_cache(const char *expected)
{
    hub_settings settings = read_settings();
    assert_string_equal(settings.cache_folder, expected);
    hub_settings_free(&settings);
}

static void expect_token(const char *expected)
{
    hub_settings settings = read_settings();
    if (expected == NULL)
        assert_null(settings.token);
    else
        assert_string_equal(settings.token, expected);
    hub_settings_free(&settings);
}

static void test_defaults(void **state)
{
    (void)state;
    clear();
    hub_settings settings = read_settings();
    assert_string_equal(settings.cache_folder, "/home/someone/.cache/huggingface/hub");
    assert_string_equal(settings.endpoint, "https://huggingface.co");
    assert_string_equal(settings.revision, "main");
    assert_null(settings.token);
    assert_null(settings.ca_file);
    assert_false(settings.offline);
    assert_true(settings.attempts >= 1 && settings.retry_delay_ms > 0);
    assert_int_equal(settings.connect_timeout_ms, 10000);
    assert_int_equal(settings.stall_timeout_ms, 30000);
    settings.revision = "a string of the caller";
    hub_settings_free(&settings);
    hub_settings_free(&settings); /* allowed */
}

static void test_cache_folder(void **state)
{
    (void)state;
    clear();
    setenv("XDG_CACHE_HOME", "/xdg", 1);
    expect_cache("/xdg/huggingface/hub");
    setenv("HF_HOME", "~/hf", 1);
    expect_cache("/home/someone/hf/hub");
    setenv("HUGGINGFACE_HUB_CACHE", "/legacy", 1);
    expect_cache("/legacy");
    setenv("HF_HUB_CACHE", "", 1); /* empty is unset */
    expect_cache("/legacy");
    setenv("HF_HUB_CACHE", "/cache", 1);
    expect_cache("/cache");
}

static void test_token(void **state)
{
    (void)state;
    clear();
    char folder[256], path[300];
    unit_temporary_folder(folder, sizeof folder);
    setenv("HF_HOME", folder, 1);
    expect_token(NULL);
    snprintf(path, sizeof path, "%s/token", folder);
    unit_write_file(path, "  \n", 3);
    expect_token(NULL);
    unit_write_file(path, " hf_file\r\n", 10);
    expect_token("hf_file");
    setenv("HF_TOKEN_PATH", "/no/such/file", 1);
    expect_token(NULL);
    setenv("HUGGING_FACE_HUB_TOKEN", "hf_legacy", 1);
    expect_token("hf_legacy");
    setenv("HF_TOKEN", "\thf_token ", 1);
    expect_token("hf_token");
    setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "yes", 1);
    expect_token(NULL);
}

static void test_offline(void **state)
{
    (void)state;
    static const char *const yes[] = {"1", "true", "TRUE", "yes", "On"};
    static const char *const no[] = {"", "0", "false", "off", "2"};
    for (size_t i = 0; i < 5; i++) {
        clear();
        setenv(i % 2 == 0 ? "HF_HUB_OFFLINE" : "TRANSFORMERS_OFFLINE", yes[i], 1);
        hub_settings settings = read_settings();
        assert_true(settings.offline);
        hub_settings_free(&settings);
        setenv("HF_HUB_OFFLINE", no[i], 1);
        unsetenv("TRANSFORMERS_OFFLINE");
        settings = read_settings();
        assert_false(settings.offline);
        hub_settings_free(&settings);
    }
}

static void test_numbers(void **state)
{
    (void)state;
    clear();
    setenv("HF_HUB_DOWNLOAD_TIMEOUT", "7", 1);
    setenv("AKIDB_HUB_ATTEMPTS", "9", 1);
    setenv("AKIDB_HUB_RETRY_DELAY_MS", "0", 1);
    setenv("AKIDB_HUB_CONNECT_TIMEOUT_MS", "11", 1);
    hub_settings settings = read_settings();
    assert_int_equal(settings.stall_timeout_ms, 7000);
    assert_int_equal(settings.attempts, 9);
    assert_int_equal(settings.retry_delay_ms, 0);
    assert_int_equal(settings.connect_timeout_ms, 11);
    hub_settings_free(&settings);
    setenv("AKIDB_HUB_STALL_TIMEOUT_MS", "13", 1);
    settings = read_settings();
    assert_int_equal(settings.stall_timeout_ms, 13);
    hub_settings_free(&settings);

    static const char *const bad[] = {"0", "-1", "x", "1x", "1.5", "99999999999999999999", " "};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        aki_error error;
        setenv("AKIDB_HUB_ATTEMPTS", bad[i], 1);
        assert_int_equal(hub_settings_from_environment(&settings, &error), AKI_INVALID_ARGUMENT);
        assert_non_null(strstr(error.message, "AKIDB_HUB_ATTEMPTS"));
    }
}

static void test_certificates(void **state)
{
    (void)state;
    clear();
    setenv("SSL_CERT_FILE", "/etc/company.pem", 1);
    hub_settings settings = read_settings();
    assert_string_equal(settings.ca_file, "/etc/company.pem");
    hub_settings_free(&settings);
}

static void expect_expanded(const char *path, const char *expected)
{
    char *expanded = environment_expand_home(path);
    assert_non_null(expanded);
    assert_string_equal(expanded, expected);
    mem_free(expanded);
}

static void expect_proxy(const char *expected)
{
    hub_settings settings = read_settings();
    if (expected == NULL)
        assert_null(settings.http_proxy);
    else
        assert_string_equal(settings.http_proxy, expected);
    hub_settings_free(&settings);
}

static void test_upper_case_proxy(void **state)
{
    (void)state;
    static const char *const names[] = {"HTTP_PROXY", "http_proxy", "REQUEST_METHOD"};
    clear();
    for (size_t i = 0; i < 3; i++)
        unsetenv(names[i]);
    expect_proxy(NULL);
    setenv("HTTP_PROXY", "", 1);
    expect_proxy(NULL);
    setenv("HTTP_PROXY", "http://upper", 1);
    expect_proxy("http://upper");
    setenv("http_proxy", "http://lower", 1); /* which libcurl reads itself */
    expect_proxy(NULL);
    setenv("http_proxy", "", 1);
    expect_proxy("http://upper");
    setenv("REQUEST_METHOD", "GET", 1);
    expect_proxy(NULL);
    for (size_t i = 0; i < 3; i++)
        unsetenv(names[i]);
}

static void test_home(void **state)
{
    (void)state;
    clear();
    expect_expanded("~", "/home/someone");
    expect_expanded("~/a/b", "/home/someone/a/b");
    expect_expanded("~other/a", "~other/a");
    expect_expanded("/a/~", "/a/~");
    expect_expanded("", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults), cmocka_unit_test(test_cache_folder),
        cmocka_unit_test(test_token),    cmocka_unit_test(test_offline),
        cmocka_unit_test(test_numbers),  cmocka_unit_test(test_certificates),
        cmocka_unit_test(test_home),     cmocka_unit_test(test_upper_case_proxy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
