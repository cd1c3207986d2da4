#include "unit.h"

#include "http/page_guard.h"

static void takes_names_and_addresses(void **state)
{
    (void)state;
    static const char *const good[] = {
        "",         "x",         "x:80",         "x:",           "a-b_c.example.",
        "%41x",     "127.0.0.1", "127.0.0.1:80", "[::1]",        "[::1]:8080",
        "[v1.a:b]", "a,b",       "a;b=c",        "xn--x.example"};
    static const char *const bad[] = {
        "user@x", "x/path", "x, y", "###", "x:port", "[::1",  "::1", "x y", "[]",       "[::1]x", "x:1:2",
        ":80",    "x%4",    "x%zz", "x%",  "x\\y",   "\"x\"", "x?y", "x#y", "\xC3\xA9", "x:80 ",  "[x]:p"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(host_header_valid(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(host_header_valid(bad[i]));
}

static void tells_domains_from_what_is_near(void **state)
{
    (void)state;
    static const char *const domains[] = {"evil.example",  "evil.example:9090", "EVIL.example.",
                                          "1.2.3.example", "localhost.example", "notlocalhost.x",
                                          "xlocalhost.com"};
    static const char *const near[] = {
        "",       "localhost", "localhost:9090", "LOCALHOST.", "app.localhost:1",
        "pod-17", "127.0.0.1", "10.1.2.3:80",    "[::1]:80",   "[::ffff:1.2.3.4]"};
    for (size_t i = 0; i < sizeof domains / sizeof domains[0]; i++)
        assert_true(host_header_is_domain(domains[i]));
    for (size_t i = 0; i < sizeof near / sizeof near[0]; i++)
        assert_false(host_header_is_domain(near[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_names_and_addresses),
        cmocka_unit_test(tells_domains_from_what_is_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
