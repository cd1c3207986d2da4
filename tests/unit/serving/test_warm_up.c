#include "scheduler/rig.h"

#include "serving/probe.h"

/* Equal ones would be computed once. */
static void each_worker_gets_a_text_of_its_own(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(3, 10, 1000, 1 << 20);
    aki_error error;
    size_t tokens = 0;
    assert_int_equal(warm_up(s, 3, FAKE_PASS_TOKENS, &error), AKI_OK);
    scheduler_stats stats;
    scheduler_read_stats(s, &stats);
    assert_true(stats.tokens_per_second > 0);
    assert_int_equal(stats.passes, 0); /* nobody's load */
    scheduler_close(s);
    for (size_t i = 0; i < enc.passes; i++)
        tokens += enc.pass_tokens[i];
    assert_int_equal(tokens, 2 * 3 * FAKE_MAX_TOKENS); /* texts as long as the model takes, twice */
}

static void a_pass_that_fails_is_reported(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(1, 10, 1000, 1 << 20);
    aki_error error = {0};
    enc.outcome = AKI_MODEL_CHANGED;
    assert_int_equal(warm_up(s, 1, FAKE_PASS_TOKENS, &error), AKI_MODEL_CHANGED);
    assert_non_null(strstr(error.message, "fails as told"));
    assert_int_equal(warm_up(s, 1, FAKE_PASS_TOKENS, NULL), AKI_MODEL_CHANGED); /* nobody need ask why */
    scheduler_close(s);
}

static void what_the_scheduler_does_not_take_is_reported(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(2, 10, 1000, 1 << 20);
    aki_error error = {0};
    scheduler_stop(s, true);
    assert_int_not_equal(warm_up(s, 2, FAKE_PASS_TOKENS, &error), AKI_OK);
    assert_string_not_equal(error.message, "");
    scheduler_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_worker_gets_a_text_of_its_own),
        cmocka_unit_test(a_pass_that_fails_is_reported),
        cmocka_unit_test(what_the_scheduler_does_not_take_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
