#include "unit.h"

#include "telemetry/log_filter.h"

static bool passes(const char *text, aki_log_level level, const char *target)
{
    log_filter filter;
    assert_true(log_filter_parse(&filter, text));
    return log_filter_passes(&filter, level, target);
}

static void test_levels(void **state)
{
    (void)state;
    assert_true(passes("info", AKI_LOG_INFO, "hub"));
    assert_false(passes("info", AKI_LOG_DEBUG, "hub"));
    assert_true(passes("TRACE", AKI_LOG_TRACE, "hub"));
    assert_false(passes("off", AKI_LOG_ERROR, "hub"));
}

static void test_targets(void **state)
{
    (void)state;
    const char *filter = "warn,server=debug,hub=off";
    assert_true(passes(filter, AKI_LOG_DEBUG, "server"));
    assert_true(passes(filter, AKI_LOG_DEBUG, "server::routes"));
    assert_false(passes(filter, AKI_LOG_DEBUG, "servers"));
    assert_false(passes(filter, AKI_LOG_ERROR, "hub"));
    assert_false(passes(filter, AKI_LOG_INFO, "model"));
    assert_true(passes(filter, AKI_LOG_WARN, "model"));
    assert_true(
        passes("server=error,server::routes=trace", AKI_LOG_TRACE, "server::routes")); /* the longest wins */
    assert_true(passes("server::routes=trace,server=error", AKI_LOG_TRACE, "server::routes"));
    assert_false(passes("server=debug", AKI_LOG_ERROR, "hub")); /* nothing is said of the others */
    assert_true(passes("hub", AKI_LOG_TRACE, "hub"));           /* a target alone */
    assert_true(passes(" info ,hub=debug ", AKI_LOG_DEBUG, "hub"));
}

static void test_malformed(void **state)
{
    (void)state;
    const char *bad[] = {
        "", ",", "info,", "=debug", "hub=", "hub=loud", "hub[span]=debug", "a b", "hub=debug=info"};
    char long_target[100];
    memset(long_target, 'a', 80);
    long_target[80] = '\0';
    log_filter filter;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(log_filter_parse(&filter, bad[i]));
    assert_false(log_filter_parse(&filter, long_target));
    char many[500] = "info";
    for (int i = 0; i < 40; i++)
        memcpy(many + 4 + i * 5, ",info", 6);
    assert_false(log_filter_parse(&filter, many));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
