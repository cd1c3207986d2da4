#include "unit.h"

#include "base/clock.h"
#include "hub/transfer.h"

static void test_delay_doubles_up_to_the_cap(void **state)
{
    (void)state;
    assert_int_equal(retry_delay_ms(1, 100, 0), 100);
    assert_int_equal(retry_delay_ms(2, 100, 0), 200);
    assert_int_equal(retry_delay_ms(3, 100, 0), 400);
    assert_int_equal(retry_delay_ms(20, 100, 0), RETRY_DELAY_MAX_MS);
    assert_int_equal(retry_delay_ms(4000000000U, 1, 0), RETRY_DELAY_MAX_MS);
    assert_int_equal(retry_delay_ms(1, INT64_MAX, 0), RETRY_DELAY_MAX_MS);
}

static void test_no_delay(void **state)
{
    (void)state;
    assert_int_equal(retry_delay_ms(1, 0, UINT32_MAX), 0);
    assert_int_equal(retry_delay_ms(1, -5, 0), 0);
    assert_int_equal(retry_delay_ms(4000000000U, 0, 0), 0);
}

static void test_jitter_takes_up_to_half(void **state)
{
    (void)state;
    assert_int_equal(retry_delay_ms(1, 100, UINT32_MAX), 51);
    assert_int_equal(retry_delay_ms(1, 100, UINT32_MAX / 2 + 1), 75);
}

static void test_statuses(void **state)
{
    (void)state;
    const long again[] = {408, 429, 500, 502, 503, 504, 599};
    const long final[] = {0, 200, 206, 301, 400, 401, 403, 404, 410, 416, 600};
    for (size_t i = 0; i < sizeof again / sizeof again[0]; i++)
        assert_true(retry_status(again[i]));
    for (size_t i = 0; i < sizeof final / sizeof final[0]; i++)
        assert_false(retry_status(final[i]));
}

static bool after_three(void *cookie)
{
    int *asked = cookie;
    return ++*asked > 3;
}

static void test_wait_can_be_cancelled(void **state)
{
    (void)state;
    int asked = 0;
    hub_settings settings = {.cancelled = after_three, .cookie = &asked};
    assert_false(retry_wait(&settings, 3600 * 1000)); /* else the test would last an hour */
    assert_int_equal(asked, 4);
}

static void test_wait_lasts(void **state)
{
    (void)state;
    hub_settings settings = {0};
    int64_t start_ns = clock_monotonic_ns();
    assert_true(retry_wait(&settings, 20));
    assert_true(clock_monotonic_ns() - start_ns >= 20 * NS_PER_MS);
    assert_true(retry_wait(&settings, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delay_doubles_up_to_the_cap), cmocka_unit_test(test_no_delay),
        cmocka_unit_test(test_jitter_takes_up_to_half),     cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_wait_can_be_cancelled),       cmocka_unit_test(test_wait_lasts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
