#include "unit.h"

#include "resilience/failure_window.h"

static void is_full_with_the_threshold_within_its_length(void **state)
{
    (void)state;
    failure_window w;
    failure_window_init(&w, 3, 100);
    assert_false(failure_window_add(&w, 7, 0));
    assert_false(failure_window_add(&w, 7, 50));
    assert_int_equal(failure_window_count(&w, 7, 99), 2);
    assert_int_equal(failure_window_count(&w, 7, 100), 1);
    assert_true(failure_window_add(&w, 7, 99));
    assert_false(failure_window_add(&w, 7, 150)); /* 50 is out, 0 was replaced */
    assert_true(failure_window_add(&w, 7, 151));
}

static void another_generation_starts_empty(void **state)
{
    (void)state;
    failure_window w;
    failure_window_init(&w, 2, 100);
    assert_false(failure_window_add(&w, UINT16_MAX, 5));
    assert_false(failure_window_add(&w, 0, 6));
    assert_int_equal(failure_window_count(&w, 0, 6), 1);
    assert_true(failure_window_add(&w, 0, 6));
}

static void late_times_of_other_threads_replace_nothing_newer(void **state)
{
    (void)state;
    failure_window w;
    failure_window_init(&w, 2, 100);
    assert_false(failure_window_add(&w, 1, 110));
    assert_true(failure_window_add(&w, 1, 111));
    assert_true(failure_window_add(&w, 1, 109));
    assert_int_equal(failure_window_count(&w, 1, 209), 2);
    assert_int_equal(failure_window_count(&w, 1, 210), 1);
}

static void one_failure_may_be_enough(void **state)
{
    (void)state;
    failure_window w;
    failure_window_init(&w, 1, 1);
    assert_true(failure_window_add(&w, 0, 0));
    assert_int_equal(failure_window_count(&w, 0, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_full_with_the_threshold_within_its_length),
        cmocka_unit_test(another_generation_starts_empty),
        cmocka_unit_test(late_times_of_other_threads_replace_nothing_newer),
        cmocka_unit_test(one_failure_may_be_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
