#include "unit.h"

#include "telemetry/log_repeats.h"

static bool say(log_repeats *r, aki_log_level level, const char *target, const char *message, int64_t now_ns)
{
    return log_repeats_admit(r, &(log_event){.level = level, .target = target, .message = message}, now_ns);
}

static void the_first_ones_pass_and_the_rest_is_counted(void **state)
{
    (void)state;
    static log_repeats r;
    r = (log_repeats){0};
    int passed = 0;
    for (int i = 0; i < 100; i++)
        passed += say(&r, AKI_LOG_WARN, "hub", "the same", 1 + i);
    assert_int_equal(passed, LOG_REPEATS_MAX);
    log_repeats_kind ended;
    assert_int_equal(log_repeats_next_ns(&r), 1 + LOG_REPEATS_WINDOW_NS);
    assert_false(log_repeats_take_ended(&r, LOG_REPEATS_WINDOW_NS, &ended));
    assert_true(log_repeats_take_ended(&r, 1 + LOG_REPEATS_WINDOW_NS, &ended));
    assert_int_equal(ended.left_out, 100 - LOG_REPEATS_MAX);
    assert_string_equal(ended.target, "hub");
    assert_string_equal(ended.message, "the same");
    assert_int_equal(ended.level, AKI_LOG_WARN);
    assert_false(log_repeats_take_ended(&r, INT64_MAX, &ended));
    assert_int_equal(log_repeats_next_ns(&r), INT64_MAX);
    assert_true(say(&r, AKI_LOG_WARN, "hub", "the same", 2 + LOG_REPEATS_WINDOW_NS)); /* a new window */
}

static void numbers_make_no_difference_and_other_things_do(void **state)
{
    (void)state;
    static log_repeats r;
    r = (log_repeats){0};
    char message[64];
    for (int i = 0; i < LOG_REPEATS_MAX; i++) {
        snprintf(message, sizeof message, "file %d of %d", i * i, i);
        assert_true(say(&r, AKI_LOG_INFO, "hub", message, 1));
    }
    assert_false(say(&r, AKI_LOG_INFO, "hub", "file 7 of 12345", 1));
    assert_true(say(&r, AKI_LOG_WARN, "hub", "file 7 of 12345", 1));
    assert_true(say(&r, AKI_LOG_INFO, "server", "file 7 of 12345", 1));
    assert_true(say(&r, AKI_LOG_INFO, "hub", "file 7 in 12345", 1));
}

static void a_key_goes_before_the_message(void **state)
{
    (void)state;
    static log_repeats r;
    r = (log_repeats){0};
    log_event event = {.level = AKI_LOG_ERROR, .target = "t", .repeat_key = "k1"};
    const char *const messages[] = {"a", "b", "c"};
    for (int i = 0; i < LOG_REPEATS_MAX; i++) {
        event.message = messages[i % 3];
        assert_true(log_repeats_admit(&r, &event, 1));
    }
    assert_false(log_repeats_admit(&r, &event, 1));
    event.repeat_key = "k2"; /* numbers in keys count */
    assert_true(log_repeats_admit(&r, &event, 1));
    event.repeat_key = "k1";
    event.keep_repeats = true;
    assert_true(log_repeats_admit(&r, &event, 1));
}

static void lines_for_debugging_are_never_left_out(void **state)
{
    (void)state;
    static log_repeats r;
    r = (log_repeats){0};
    for (int i = 0; i < 10 * LOG_REPEATS_MAX; i++)
        assert_true(say(&r, AKI_LOG_DEBUG, "t", "m", 1));
    assert_int_equal(log_repeats_next_ns(&r), INT64_MAX);
}

static void more_kinds_than_places_all_pass(void **state)
{
    (void)state;
    static log_repeats r;
    r = (log_repeats){0};
    char message[3] = "";
    for (int i = 0; i < 2 * LOG_REPEATS_KINDS; i++) {
        message[0] = (char)('A' + i % 26);
        message[1] = (char)('A' + i / 26);
        for (int again = 0; again < 3; again++)
            assert_true(say(&r, AKI_LOG_INFO, "t", message, 1));
    }
    /* Places of windows that are over and left nothing out are used again. */
    assert_true(say(&r, AKI_LOG_INFO, "t", "later", 2 + LOG_REPEATS_WINDOW_NS));
    log_repeats_kind ended;
    assert_false(log_repeats_take_ended(&r, INT64_MAX, &ended));
}

static void what_was_left_out_is_told_even_if_the_end_is_seen_late(void **state)
{
    (void)state;
    static log_repeats r;
    r = (log_repeats){0};
    for (int i = 0; i <= LOG_REPEATS_MAX; i++)
        say(&r, AKI_LOG_WARN, "t", "m", 1);
    /* Nobody asked in time: the window goes on until somebody does. */
    assert_false(say(&r, AKI_LOG_WARN, "t", "m", 5 * LOG_REPEATS_WINDOW_NS));
    log_repeats_kind ended;
    assert_true(log_repeats_take_ended(&r, 5 * LOG_REPEATS_WINDOW_NS, &ended));
    assert_int_equal(ended.left_out, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_ones_pass_and_the_rest_is_counted),
        cmocka_unit_test(numbers_make_no_difference_and_other_things_do),
        cmocka_unit_test(a_key_goes_before_the_message),
        cmocka_unit_test(lines_for_debugging_are_never_left_out),
        cmocka_unit_test(more_kinds_than_places_all_pass),
        cmocka_unit_test(what_was_left_out_is_told_even_if_the_end_is_seen_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
