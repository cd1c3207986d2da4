#include "unit.h"

#include "resilience/breaker.h"

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)
#define START (7 * SECOND) /* the monotonic clock of a machine that has been up for a while */

static breaker guard;
static int64_t now_ns;

static void make(const breaker_settings *settings)
{
    now_ns = START;
    assert_null(breaker_settings_problem(settings));
    breaker_init(&guard, settings, 1, now_ns);
}

static breaker_ticket admit(void)
{
    breaker_ticket ticket;
    assert_true(breaker_admit(&guard, now_ns, &ticket));
    return ticket;
}

static void call(breaker_outcome outcome)
{
    assert_true(breaker_record(&guard, admit(), outcome, now_ns));
}

static void refuse(void)
{
    breaker_ticket ticket;
    assert_false(breaker_admit(&guard, now_ns, &ticket));
}

static void expect(breaker_state state)
{
    assert_string_equal(breaker_state_name(breaker_current(&guard, now_ns)), breaker_state_name(state));
}

static void break_it(void)
{
    for (unsigned i = 0; i < guard.settings.failures; i++)
        call(BREAKER_FAILURE);
    expect(BREAKER_OPEN);
}

static void opens_at_the_fifth_failure_not_before(void **state)
{
    (void)state;
    make(&breaker_defaults);
    for (int i = 0; i < 4; i++)
        call(BREAKER_FAILURE);
    for (int i = 0; i < 1000; i++) /* successes neither heal nor hurt: failures count by time alone */
        call(BREAKER_SUCCESS);
    expect(BREAKER_CLOSED);
    call(BREAKER_FAILURE);
    expect(BREAKER_OPEN);
    refuse();
}

static void counts_failures_for_ten_seconds_exactly(void **state)
{
    (void)state;
    const struct {
        int64_t last_ns;
        breaker_state then;
    } cases[] = {{10 * SECOND - 1, BREAKER_OPEN}, /* the fifth within the first one's last millisecond */
                 {10 * SECOND - MS, BREAKER_OPEN},
                 {10 * SECOND, BREAKER_CLOSED},
                 {10 * SECOND + 1, BREAKER_CLOSED}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        make(&breaker_defaults);
        call(BREAKER_FAILURE);
        now_ns = START + 5 * SECOND;
        for (int k = 0; k < 3; k++)
            call(BREAKER_FAILURE);
        now_ns = START + cases[i].last_ns;
        call(BREAKER_FAILURE);
        expect(cases[i].then);
    }
    call(BREAKER_FAILURE); /* the last case: now the five after the first are within 10 s */
    expect(BREAKER_OPEN);
}

static void half_opens_after_thirty_seconds(void **state)
{
    (void)state;
    make(&breaker_defaults);
    break_it();
    assert_int_equal(breaker_wait_ns(&guard, now_ns), 30 * SECOND);
    now_ns = START + 30 * SECOND - 1;
    assert_int_equal(breaker_wait_ns(&guard, now_ns), 1);
    refuse();
    expect(BREAKER_OPEN);
    now_ns++;
    expect(BREAKER_HALF_OPEN);
    assert_int_equal(breaker_wait_ns(&guard, now_ns), 0);
    breaker_ticket probe = admit();
    refuse(); /* one probe at a time */
    assert_int_equal(breaker_wait_ns(&guard, now_ns), 10 * SECOND);
    assert_true(breaker_record(&guard, probe, BREAKER_SUCCESS, now_ns));
    assert_int_equal(breaker_wait_ns(&guard, now_ns), 0);
}

static void closes_after_two_successes(void **state)
{
    (void)state;
    make(&breaker_defaults);
    break_it();
    now_ns += 30 * SECOND;
    call(BREAKER_SUCCESS);
    expect(BREAKER_HALF_OPEN);
    call(BREAKER_SUCCESS);
    expect(BREAKER_CLOSED);
    for (int i = 0; i < 4; i++) /* the failures of before do not count any more */
        call(BREAKER_FAILURE);
    expect(BREAKER_CLOSED);
}

static void reopens_at_one_failure(void **state)
{
    (void)state;
    make(&breaker_defaults);
    break_it();
    now_ns += 30 * SECOND;
    call(BREAKER_SUCCESS);
    call(BREAKER_FAILURE);
    expect(BREAKER_OPEN);
    assert_int_equal(breaker_wait_ns(&guard, now_ns), 30 * SECOND);
    now_ns += 30 * SECOND;
    call(BREAKER_SUCCESS); /* the success of before does not count any more */
    expect(BREAKER_HALF_OPEN);
}

static void a_stuck_probe_counts_as_a_failure_when_its_lease_ends(void **state)
{
    (void)state;
    make(&breaker_defaults);
    break_it();
    now_ns += 30 * SECOND;
    breaker_ticket stuck = admit();
    now_ns += 10 * SECOND - 1;
    expect(BREAKER_HALF_OPEN);
    now_ns++;
    expect(BREAKER_OPEN);
    now_ns += 30 * SECOND;
    call(BREAKER_SUCCESS);
    assert_false(breaker_record(&guard, stuck, BREAKER_FAILURE, now_ns)); /* much later: decides nothing */
    call(BREAKER_SUCCESS);
    expect(BREAKER_CLOSED);
    breaker_counts counts;
    breaker_read_counts(&guard, now_ns, &counts);
    assert_int_equal(counts.expired, 1);
    assert_int_equal(counts.late, 1);
}

static void an_ignored_probe_gives_its_permit_back_and_decides_nothing(void **state)
{
    (void)state;
    make(&breaker_defaults);
    break_it();
    now_ns += 30 * SECOND;
    for (int i = 0; i < 100; i++)
        call(BREAKER_IGNORED);
    expect(BREAKER_HALF_OPEN);
    call(BREAKER_SUCCESS);
    call(BREAKER_IGNORED);
    call(BREAKER_SUCCESS);
    expect(BREAKER_CLOSED);
    for (int i = 0; i < 100; i++)
        call(BREAKER_IGNORED);
    expect(BREAKER_CLOSED);
}

static void results_of_an_earlier_state_are_dropped(void **state)
{
    (void)state;
    make(&breaker_defaults);
    breaker_ticket early[5];
    for (int i = 0; i < 5; i++)
        early[i] = admit();
    break_it();
    assert_false(breaker_record(&guard, early[0], BREAKER_SUCCESS, now_ns));
    now_ns += 30 * SECOND;
    expect(BREAKER_HALF_OPEN);
    assert_false(breaker_record(&guard, early[1], BREAKER_SUCCESS, now_ns));
    assert_false(breaker_record(&guard, early[2], BREAKER_SUCCESS, now_ns));
    expect(BREAKER_HALF_OPEN);
    assert_false(breaker_record(&guard, early[3], BREAKER_FAILURE, now_ns));
    expect(BREAKER_HALF_OPEN);
    breaker_ticket twice = admit();
    assert_true(breaker_record(&guard, twice, BREAKER_IGNORED, now_ns));
    assert_false(breaker_record(&guard, twice, BREAKER_SUCCESS, now_ns));
}

static void cooldown_grows_to_its_cap_and_starts_anew(void **state)
{
    (void)state;
    breaker_settings growing = breaker_defaults;
    growing.cooldown_max_ns = 100 * SECOND;
    make(&growing);
    break_it();
    const int64_t waits[] = {30, 60, 100, 100};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(breaker_wait_ns(&guard, now_ns), waits[i] * SECOND);
        now_ns += waits[i] * SECOND;
        call(BREAKER_FAILURE);
    }
    now_ns += 100 * SECOND;
    call(BREAKER_SUCCESS);
    call(BREAKER_SUCCESS);
    break_it();
    assert_int_equal(breaker_wait_ns(&guard, now_ns), 30 * SECOND);
}

static void cooldowns_are_spread_when_asked(void **state)
{
    (void)state;
    breaker_settings spread = breaker_defaults;
    spread.cooldown_jitter_percent = 20;
    make(&spread);
    int64_t least = INT64_MAX, most = 0;
    for (int i = 0; i < 1000; i++) {
        break_it();
        int64_t wait_ns = breaker_wait_ns(&guard, now_ns);
        least = wait_ns < least ? wait_ns : least;
        most = wait_ns > most ? wait_ns : most;
        breaker_reset(&guard, now_ns);
    }
    assert_true(least >= 24 * SECOND && least < 25 * SECOND);
    assert_true(most <= 36 * SECOND && most > 35 * SECOND);
}

static void operators_may_force_it(void **state)
{
    (void)state;
    make(&breaker_defaults);
    assert_true(breaker_force(&guard, BREAKER_FORCED_OPEN, now_ns));
    assert_true(breaker_wait_ns(&guard, now_ns) == INT64_MAX);
    now_ns += 3600 * SECOND;
    refuse();
    assert_true(breaker_force(&guard, BREAKER_DISABLED, now_ns));
    for (int i = 0; i < 100; i++)
        call(BREAKER_FAILURE);
    expect(BREAKER_DISABLED);
    assert_true(breaker_force(&guard, BREAKER_METRICS_ONLY, now_ns));
    for (int i = 0; i < 12; i++)
        call(BREAKER_FAILURE);
    expect(BREAKER_METRICS_ONLY);
    breaker_counts counts;
    breaker_read_counts(&guard, now_ns, &counts);
    assert_int_equal(counts.would_have_opened, 2);
    assert_int_equal(counts.failures_in_window, 2);
    assert_true(breaker_force(&guard, BREAKER_OPEN, now_ns));
    refuse();
    assert_false(breaker_force(&guard, BREAKER_HALF_OPEN, now_ns));
    breaker_reset(&guard, now_ns);
    expect(BREAKER_CLOSED);
    call(BREAKER_SUCCESS);
}

static void counts_what_happened(void **state)
{
    (void)state;
    make(&breaker_defaults);
    breaker_counts counts;
    breaker_read_counts(&guard, now_ns, &counts);
    const breaker_counts none = {0};
    assert_memory_equal(&counts, &none, sizeof none);
    call(BREAKER_SUCCESS);
    call(BREAKER_IGNORED);
    break_it();
    refuse();
    now_ns += 30 * SECOND;
    (void)admit();
    refuse();
    breaker_read_counts(&guard, now_ns, &counts);
    assert_int_equal(counts.calls[BREAKER_SUCCESS], 1);
    assert_int_equal(counts.calls[BREAKER_IGNORED], 1);
    assert_int_equal(counts.calls[BREAKER_FAILURE], 5);
    assert_int_equal(counts.not_permitted, 2);
    assert_int_equal(counts.probes_in_flight, 1);
    assert_int_equal(counts.transitions[BREAKER_CLOSED][BREAKER_OPEN], 1);
    assert_int_equal(counts.transitions[BREAKER_OPEN][BREAKER_HALF_OPEN], 1);
    assert_int_equal(counts.failures_in_window, 0);
}

/* A call that never comes back must not cost a permit for good, however often the generation goes round its circle. */
static void a_lost_probe_costs_no_permit_later(void **state)
{
    (void)state;
    breaker_settings two = breaker_defaults;
    two.probes = 2;
    make(&two);
    break_it();
    now_ns += 30 * SECOND;
    (void)admit();
    (void)admit();
    for (int i = 0; i < 70000; i++) {
        breaker_reset(&guard, now_ns);
        if (i % 1000 != 0)
            continue;
        break_it();
        now_ns += 30 * SECOND;
        (void)admit();
        (void)admit();
        refuse();
    }
}

static void names_what_is_wrong_with_settings(void **state)
{
    (void)state;
    assert_null(breaker_settings_problem(&breaker_defaults));
    for (int i = 0; i < 12; i++) {
        breaker_settings bad = breaker_defaults;
        switch (i) {
        case 0:
            bad.failures = 0;
            break;
        case 1:
            bad.failures = FAILURE_WINDOW_MAX + 1;
            break;
        case 2:
            bad.window_ns = MS - 1;
            break;
        case 3:
            bad.window_ns = INT64_MAX;
            break;
        case 4:
            bad.cooldown_ns = 0;
            break;
        case 5:
            bad.cooldown_max_ns = bad.cooldown_ns - 1;
            break;
        case 6:
            bad.cooldown_jitter_percent = 51;
            break;
        case 7:
            bad.probes = 0;
            break;
        case 8:
            bad.probes = BREAKER_PROBES_MAX + 1;
            break;
        case 9:
            bad.successes = 0;
            break;
        case 10:
            bad.successes = BREAKER_SUCCESSES_MAX + 1;
            break;
        default:
            bad.lease_ns = -1;
        }
        assert_non_null(breaker_settings_problem(&bad));
    }
}

/* Time that goes back (a caller's clock read before another's) is no time passed. */
static void bears_clocks_read_out_of_order(void **state)
{
    (void)state;
    make(&breaker_defaults);
    now_ns = START - 5 * SECOND;
    break_it();
    assert_true(breaker_wait_ns(&guard, now_ns) >= 30 * SECOND);
    now_ns = INT64_MAX;
    expect(BREAKER_HALF_OPEN);
    assert_true(breaker_clock_ns() > 0);
    assert_string_equal(breaker_state_name(BREAKER_STATE_COUNT), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_at_the_fifth_failure_not_before),
        cmocka_unit_test(counts_failures_for_ten_seconds_exactly),
        cmocka_unit_test(half_opens_after_thirty_seconds),
        cmocka_unit_test(closes_after_two_successes),
        cmocka_unit_test(reopens_at_one_failure),
        cmocka_unit_test(a_stuck_probe_counts_as_a_failure_when_its_lease_ends),
        cmocka_unit_test(an_ignored_probe_gives_its_permit_back_and_decides_nothing),
        cmocka_unit_test(results_of_an_earlier_state_are_dropped),
        cmocka_unit_test(cooldown_grows_to_its_cap_and_starts_anew),
        cmocka_unit_test(cooldowns_are_spread_when_asked),
        cmocka_unit_test(operators_may_force_it),
        cmocka_unit_test(counts_what_happened),
        cmocka_unit_test(a_lost_probe_costs_no_permit_later),
        cmocka_unit_test(names_what_is_wrong_with_settings),
        cmocka_unit_test(bears_clocks_read_out_of_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
