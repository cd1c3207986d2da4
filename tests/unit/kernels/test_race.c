/* The race of two instructions, on a clock and with runners of the test's own: nothing here depends on the machine. */
#include "unit.h"

#include <math.h>
#include <stdbool.h>

#include "kernels/race.h"

static int64_t clock_ns;
static size_t calls;
static double challenger_rate, champion_rate; /* operations per nanosecond */

static int64_t now_ns(void)
{
    return clock_ns;
}

/* Every third run is disturbed by a factor of five. */
static double run(double rate, size_t rounds)
{
    const double work = 64.0 * (double)rounds;
    clock_ns += (int64_t)(work / rate * (calls++ % 3 == 0 ? 5.0 : 1.0));
    return work;
}

static double challenger(size_t rounds)
{
    return run(challenger_rate, rounds);
}

static double champion(size_t rounds)
{
    return run(champion_rate, rounds);
}

static bool race(double challenger_at, double champion_at)
{
    clock_ns = 1000;
    calls = 0;
    challenger_rate = challenger_at;
    champion_rate = champion_at;
    return race_is_won(challenger, champion, now_ns);
}

static void the_faster_one_wins(void **state)
{
    (void)state;
    assert_true(race(234.0, 116.0));
    assert_false(race(109.0, 217.0));
}

static void a_small_lead_is_not_enough(void **state)
{
    (void)state;
    assert_false(race(117.0, 116.0));
    assert_false(race(100.0 * 1.18, 100.0));
    assert_true(race(100.0 * 1.22, 100.0));
}

static void is_short_on_every_core_and_ends_without_a_clock(void **state)
{
    (void)state;
    /* Disturbed runs included; from cores of half a teraflop to a twentieth of the slowest that is known. */
    for (double rate = 5.0; rate < 500.0; rate *= 1.7) {
        race(rate, rate);
        assert_true(clock_ns < 40000000);
    }
    race(200.0, 100.0);
    assert_true(clock_ns < 20000000);
    assert_false(race(INFINITY, INFINITY)); /* no time passes */
    assert_true(calls < 100);
}

static void the_thread_clock_runs_forward(void **state)
{
    (void)state;
    const int64_t before = race_thread_ns();
    volatile unsigned spin = 0;
    while (race_thread_ns() == before)
        spin++;
    assert_true(race_thread_ns() > before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_faster_one_wins),
        cmocka_unit_test(a_small_lead_is_not_enough),
        cmocka_unit_test(is_short_on_every_core_and_ends_without_a_clock),
        cmocka_unit_test(the_thread_clock_runs_forward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
