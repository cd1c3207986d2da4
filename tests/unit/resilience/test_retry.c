#include "unit.h"

#include "resilience/retry.h"

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)
#define NOW (100 * SECOND)

static jitter noise;

static retry_decision decide(retry_cause cause, unsigned attempts_made, int64_t deadline_ns)
{
    const retry_failure failure = {.cause = cause, .attempts_made = attempts_made};
    return retry_decide(&retry_defaults, NULL, &noise, &failure, NOW, deadline_ns);
}

static void retries_what_may_pass_and_nothing_else(void **state)
{
    (void)state;
    const bool again[RETRY_CAUSE_COUNT] = {
        [RETRY_MODEL_NOT_LOADED] = true, [RETRY_DEVICE_UNAVAILABLE] = true, [RETRY_TIMEOUT] = true};
    for (int cause = 0; cause < RETRY_CAUSE_COUNT; cause++) {
        retry_decision decision = decide((retry_cause)cause, 1, RETRY_NO_DEADLINE);
        assert_int_equal(decision.verdict, again[cause] ? RETRY_AGAIN : RETRY_NOT_OF_USE);
        assert_string_not_equal(retry_cause_name((retry_cause)cause), "unknown");
    }
    assert_string_equal(retry_cause_name(RETRY_CAUSE_COUNT), "unknown");
    assert_false(retry_cause_is_retried(RETRY_CAUSE_COUNT));
}

static void knows_the_class_of_each_status(void **state)
{
    (void)state;
    assert_int_equal(retry_cause_of(AKI_DEADLINE_EXCEEDED), RETRY_TIMEOUT);
    assert_int_equal(retry_cause_of(AKI_NOT_FINITE), RETRY_DEVICE_UNAVAILABLE);
    assert_int_equal(retry_cause_of(AKI_OUT_OF_MEMORY), RETRY_OUT_OF_MEMORY);
    assert_int_equal(retry_cause_of(AKI_CANCELLED), RETRY_CANCELLED);
    const aki_status invalid[] = {AKI_INVALID_ARGUMENT, AKI_EMPTY_TEXT, AKI_INVALID_UTF8, AKI_TEXT_TOO_LONG};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(retry_cause_of(invalid[i]), RETRY_INVALID_INPUT);
    assert_int_equal(retry_cause_of(AKI_INTERNAL), RETRY_OTHER);
}

static void makes_three_attempts_in_all(void **state)
{
    (void)state;
    assert_int_equal(decide(RETRY_TIMEOUT, 1, RETRY_NO_DEADLINE).verdict, RETRY_AGAIN);
    assert_int_equal(decide(RETRY_TIMEOUT, 2, RETRY_NO_DEADLINE).verdict, RETRY_AGAIN);
    assert_int_equal(decide(RETRY_TIMEOUT, 3, RETRY_NO_DEADLINE).verdict, RETRY_ATTEMPTS_SPENT);
    assert_int_equal(decide(RETRY_TIMEOUT, UINT32_MAX, RETRY_NO_DEADLINE).verdict, RETRY_ATTEMPTS_SPENT);
}

static void longest_delay_doubles_from_100_ms_to_5_s(void **state)
{
    (void)state;
    const int64_t longest_ms[] = {100, 200, 400, 800, 1600, 3200, 5000, 5000};
    for (unsigned made = 1; made <= 8; made++)
        assert_int_equal(retry_longest_delay_ns(&retry_defaults, made), longest_ms[made - 1] * MS);
    assert_int_equal(retry_longest_delay_ns(&retry_defaults, UINT32_MAX), 5 * SECOND);
    const retry_settings none = {.attempts = 3};
    assert_int_equal(retry_longest_delay_ns(&none, UINT32_MAX), 0);
    const retry_settings vast = {
        .attempts = 3, .first_delay_ns = INT64_MAX / 2 + 1, .delay_max_ns = INT64_MAX};
    assert_true(retry_longest_delay_ns(&vast, 2) == INT64_MAX);
}

/* Full jitter: uniform from nothing to the longest, so that clients that failed together do not return together. */
static void delays_are_spread_over_their_whole_range(void **state)
{
    (void)state;
    for (unsigned made = 1; made <= 2; made++) {
        int64_t longest_ns = retry_longest_delay_ns(&retry_defaults, made);
        unsigned tenths[10] = {0};
        for (int i = 0; i < 10000; i++) {
            retry_decision decision = decide(RETRY_DEVICE_UNAVAILABLE, made, RETRY_NO_DEADLINE);
            assert_true(decision.delay_ns >= 0 && decision.delay_ns <= longest_ns);
            tenths[decision.delay_ns * 10 / (longest_ns + 1)]++;
        }
        for (size_t i = 0; i < 10; i++)
            assert_true(tenths[i] > 800 && tenths[i] < 1200);
    }
}

static void never_waits_past_the_deadline(void **state)
{
    (void)state;
    unsigned again = 0;
    for (int i = 0; i < 10000; i++) {
        int64_t left_ns = jitter_between(&noise, -MS, 150 * MS);
        retry_decision decision = decide(RETRY_TIMEOUT, 1, NOW + left_ns);
        if (decision.verdict == RETRY_AGAIN)
            assert_true(decision.delay_ns < left_ns);
        else
            assert_int_equal(decision.verdict, RETRY_DEADLINE_TOO_NEAR);
        again += decision.verdict == RETRY_AGAIN;
    }
    assert_true(again > 3000 && again < 9500);
    assert_int_equal(decide(RETRY_TIMEOUT, 1, NOW).verdict, RETRY_DEADLINE_TOO_NEAR);
    assert_int_equal(decide(RETRY_TIMEOUT, 1, NOW - 1).verdict, RETRY_DEADLINE_TOO_NEAR);
}

/* After a timeout the next attempt is expected to take as long; after a failure it may fail sooner. */
static void does_not_repeat_a_timeout_that_would_end_too_late(void **state)
{
    (void)state;
    retry_failure failure = {.cause = RETRY_TIMEOUT, .attempts_made = 1, .duration_ns = 2 * SECOND};
    const int64_t longest_ns = retry_longest_delay_ns(&retry_defaults, 1);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(retry_decide(&retry_defaults, NULL, &noise, &failure, NOW, NOW + 2 * SECOND).verdict,
                         RETRY_DEADLINE_TOO_NEAR);
        assert_int_equal(
            retry_decide(&retry_defaults, NULL, &noise, &failure, NOW, NOW + 2 * SECOND + longest_ns + 1)
                .verdict,
            RETRY_AGAIN);
    }
    failure.cause = RETRY_DEVICE_UNAVAILABLE;
    assert_int_equal(retry_decide(&retry_defaults, NULL, &noise, &failure, NOW, NOW + 2 * SECOND).verdict,
                     RETRY_AGAIN);
}

/* A refusal for another reason must not use up what others could have used. */
static void takes_from_the_budget_only_what_it_retries(void **state)
{
    (void)state;
    retry_budget budget;
    retry_budget_init(&budget, &retry_budget_defaults, NOW);
    const retry_failure invalid = {.cause = RETRY_INVALID_INPUT, .attempts_made = 1};
    const retry_failure third = {.cause = RETRY_TIMEOUT, .attempts_made = 3};
    const retry_failure first = {.cause = RETRY_TIMEOUT, .attempts_made = 1};
    for (int i = 0; i < 100; i++) {
        (void)retry_decide(&retry_defaults, &budget, &noise, &invalid, NOW, RETRY_NO_DEADLINE);
        (void)retry_decide(&retry_defaults, &budget, &noise, &third, NOW, RETRY_NO_DEADLINE);
        (void)retry_decide(&retry_defaults, &budget, &noise, &first, NOW, NOW);
    }
    for (int i = 0; i < 10; i++)
        assert_int_equal(
            retry_decide(&retry_defaults, &budget, &noise, &first, NOW, RETRY_NO_DEADLINE).verdict,
            RETRY_AGAIN);
    retry_decision refused = retry_decide(&retry_defaults, &budget, &noise, &first, NOW, RETRY_NO_DEADLINE);
    assert_int_equal(refused.verdict, RETRY_BUDGET_SPENT);
    assert_int_equal(refused.delay_ns, 0);
    assert_string_equal(retry_verdict_name(refused.verdict), "budget_spent");
    assert_string_equal(retry_verdict_name(RETRY_VERDICT_COUNT), "unknown");
}

int main(void)
{
    jitter_init(&noise, 5);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retries_what_may_pass_and_nothing_else),
        cmocka_unit_test(knows_the_class_of_each_status),
        cmocka_unit_test(makes_three_attempts_in_all),
        cmocka_unit_test(longest_delay_doubles_from_100_ms_to_5_s),
        cmocka_unit_test(delays_are_spread_over_their_whole_range),
        cmocka_unit_test(never_waits_past_the_deadline),
        cmocka_unit_test(does_not_repeat_a_timeout_that_would_end_too_late),
        cmocka_unit_test(takes_from_the_budget_only_what_it_retries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
