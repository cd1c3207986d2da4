#include "unit.h"

#include "hub/transfer.h"

static void test_origins(void **state)
{
    (void)state;
    assert_true(url_same_origin("https://hub.example/a", "https://hub.example:443/b?c"));
    assert_true(url_same_origin("http://HUB.example", "HTTP://hub.example:80/"));
    assert_false(url_same_origin("https://hub.example", "http://hub.example"));
    assert_false(url_same_origin("https://hub.example", "https://hub.example:8443"));
    assert_false(url_same_origin("https://hub.example", "https://hub.example.evil.example"));
    assert_false(url_same_origin("https://hub.example", "https://hub.example@evil.example/"));
    assert_false(url_same_origin("http://localhost:1", "http://127.0.0.1:1"));
    assert_false(url_same_origin("https://hub.example", "not a url"));
    assert_false(url_same_origin("not a url", "not a url"));
}

/* However libcurl reads an address, it is of the scheme that its origin has. */
static void test_scheme(void **state)
{
    (void)state;
    static const char *const urls[] = {"https://hub.example/a", "HTTPS://hub.example", "https:/hub.example",
                                       "https:///hub.example",  "http://hub.example",  "hub.example"};
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++)
        assert_int_equal(url_is_https(urls[i]), url_same_origin(urls[i], "https://hub.example"));
    assert_true(url_is_https("https://hub.example:1/a"));
    assert_false(url_is_https("http://https://"));
    assert_false(url_is_https("not a url"));
}

static void expect_host(const char *url, const char *expected)
{
    char host[URL_HOST_MAX];
    url_host(url, host);
    assert_string_equal(host, expected);
}

static void test_hosts_for_messages(void **state)
{
    (void)state;
    expect_host("https://huggingface.co/x?secret=1", "huggingface.co");
    expect_host("http://127.0.0.1:8080/x", "127.0.0.1:8080");
    expect_host("https://user:password@mirror.example/x", "mirror.example");
    expect_host("http://hub.example:443", "hub.example:443");
    expect_host("", "?");
    char origin[URL_ORIGIN_MAX];
    url_origin("https://user:password@hub.example:443/x?secret=1", origin);
    assert_string_equal(origin, "https://hub.example");
    url_origin("http://hub.example:8080", origin);
    assert_string_equal(origin, "http://hub.example:8080");
}

static void test_file_addresses(void **state)
{
    (void)state;
    char url[URL_MAX];
    assert_true(url_of_file("https://huggingface.co", "org/name", "main", "1_Pooling/config.json", url));
    assert_string_equal(url, "https://huggingface.co/org/name/resolve/main/1_Pooling/config.json");
    assert_true(url_of_file("http://hub.example/mirror//", "name", "refs/pr/1", "a b#?.json", url));
    assert_string_equal(url, "http://hub.example/mirror/name/resolve/refs%2Fpr%2F1/a%20b%23%3F.json");
    assert_true(url_of_file("http://h", "n", "caf\xC3\xA9", "x", url));
    assert_string_equal(url, "http://h/n/resolve/caf%C3%A9/x");
}

static void test_address_too_long(void **state)
{
    (void)state;
    char endpoint[URL_MAX], url[URL_MAX];
    memset(endpoint, 'a', sizeof endpoint);
    endpoint[sizeof endpoint - 1] = '\0';
    assert_false(url_of_file(endpoint, "n", "main", "x", url));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_origins),
        cmocka_unit_test(test_scheme),
        cmocka_unit_test(test_hosts_for_messages),
        cmocka_unit_test(test_file_addresses),
        cmocka_unit_test(test_address_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
