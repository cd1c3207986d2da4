/* Many threads on one breaker: how many of them get through does not depend on how they are scheduled. */
#include "unit.h"

#include "resilience/breaker.h"

#include "base/thread.h"

#include <pthread.h>

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)
#define THREADS 8
#define CALLERS 1000 /* released together, shared out over the threads */

/* The suite's rounds; AKIDB_BREAKER_ROUNDS asks for others. */
static int rounds(void)
{
    const char *asked = getenv("AKIDB_BREAKER_ROUNDS");
    return asked != NULL ? (int)strtol(asked, NULL, 10) : unit_is_emulated() ? 20 : 2000;
}

typedef struct crowd {
    breaker guard;
    pthread_barrier_t barrier;
    int64_t now_ns;
    int rounds;
    bool report; /* each caller ends its call at once, with a failure */
    _Atomic unsigned admitted, counted;
} crowd;

static void ask(crowd *c)
{
    breaker_ticket ticket;
    if (!breaker_admit(&c->guard, c->now_ns, &ticket))
        return;
    atomic_fetch_add(&c->admitted, 1);
    if (c->report && breaker_record(&c->guard, ticket, BREAKER_FAILURE, c->now_ns))
        atomic_fetch_add(&c->counted, 1);
}

static void *take_part(void *argument)
{
    crowd *c = argument;
    for (int round = 0; round < c->rounds; round++) {
        pthread_barrier_wait(&c->barrier);
        for (int i = 0; i < CALLERS / THREADS; i++)
            ask(c);
        pthread_barrier_wait(&c->barrier);
    }
    return NULL;
}

static void crowd_start(crowd *c, const breaker_settings *settings, pthread_t *threads, bool report)
{
    memset(c, 0, sizeof *c);
    c->now_ns = SECOND;
    c->rounds = rounds();
    c->report = report;
    breaker_init(&c->guard, settings, 1, c->now_ns);
    assert_int_equal(pthread_barrier_init(&c->barrier, NULL, THREADS + 1), 0);
    for (int i = 0; i < THREADS; i++)
        assert_true(thread_start(&threads[i], take_part, c, "caller"));
}

static void crowd_round(crowd *c)
{
    atomic_store(&c->admitted, 0);
    atomic_store(&c->counted, 0);
    pthread_barrier_wait(&c->barrier);
    pthread_barrier_wait(&c->barrier);
}

static void crowd_stop(crowd *c, pthread_t *threads)
{
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    pthread_barrier_destroy(&c->barrier);
}

/* None reports: the permits of this half-open go to exactly as many callers, and all leases end a cooldown later. */
static void exactly_the_allowed_probes_get_through(void **state)
{
    (void)state;
    static crowd c;
    pthread_t threads[THREADS];
    for (unsigned probes = 1; probes <= 3; probes += 2) {
        breaker_settings settings = breaker_defaults;
        settings.probes = probes;
        settings.successes = 3;
        crowd_start(&c, &settings, threads, false);
        assert_true(breaker_force(&c.guard, BREAKER_OPEN, c.now_ns));
        for (int round = 0; round < c.rounds; round++) {
            c.now_ns += settings.cooldown_ns;
            crowd_round(&c);
            assert_int_equal(atomic_load(&c.admitted), probes);
            c.now_ns += settings.lease_ns;
            assert_int_equal(breaker_current(&c.guard, c.now_ns), BREAKER_OPEN);
        }
        crowd_stop(&c, threads);
    }
}

/* All fail: the breaker opens exactly once, after five failures at least; who was let in before that is late. */
static void opens_once_however_many_fail_together(void **state)
{
    (void)state;
    static crowd c;
    pthread_t threads[THREADS];
    crowd_start(&c, &breaker_defaults, threads, true);
    uint64_t opened = 0;
    for (int round = 0; round < c.rounds; round++) {
        crowd_round(&c);
        assert_true(atomic_load(&c.counted) >= 5);
        assert_int_equal(breaker_current(&c.guard, c.now_ns), BREAKER_OPEN);
        breaker_counts counts;
        breaker_read_counts(&c.guard, c.now_ns, &counts);
        assert_int_equal(counts.transitions[BREAKER_CLOSED][BREAKER_OPEN], ++opened);
        breaker_reset(&c.guard, c.now_ns);
    }
    crowd_stop(&c, threads);
    breaker_counts counts;
    breaker_read_counts(&c.guard, c.now_ns, &counts);
    assert_int_equal(counts.calls[BREAKER_FAILURE] + counts.late + counts.not_permitted,
                     (uint64_t)c.rounds * (CALLERS / THREADS * THREADS));
}

typedef struct chaos {
    breaker guard;
    _Atomic int64_t now_ns;
    _Atomic unsigned probes_out[UINT16_MAX + 1]; /* by generation */
    _Atomic bool exceeded;
    int steps;
} chaos;

static bool is_probe(breaker_ticket ticket)
{
    return ticket.lease.lease != 0;
}

static void hand_back(chaos *c, breaker_ticket ticket, breaker_outcome outcome, int64_t now_ns)
{
    if (is_probe(ticket))
        atomic_fetch_sub(&c->probes_out[ticket.generation], 1);
    (void)breaker_record(&c->guard, ticket, outcome, now_ns);
}

static void *do_anything(void *argument)
{
    chaos *c = argument;
    jitter dice;
    static _Atomic uint64_t seeds = 1;
    jitter_init(&dice, atomic_fetch_add(&seeds, 1));
    breaker_ticket held[8];
    unsigned holding = 0;
    for (int i = 0; i < c->steps; i++) {
        int64_t now_ns = atomic_fetch_add(&c->now_ns, jitter_between(&dice, 0, MS));
        int64_t action = jitter_between(&dice, 0, 99);
        if (action < 45 && holding < 8) {
            if (!breaker_admit(&c->guard, now_ns, &held[holding]))
                continue;
            if (is_probe(held[holding]) &&
                atomic_fetch_add(&c->probes_out[held[holding].generation], 1) >= c->guard.settings.probes)
                atomic_store(&c->exceeded, true);
            holding++;
        } else if (holding > 0 && action < 96) {
            hand_back(c, held[--holding],
                      (breaker_outcome)jitter_between(&dice, 0, BREAKER_OUTCOME_COUNT - 1), now_ns);
        } else if (action == 99) {
            breaker_reset(&c->guard, now_ns);
        } else {
            breaker_counts counts;
            breaker_read_counts(&c->guard, now_ns, &counts);
        }
    }
    while (holding > 0)
        hand_back(c, held[--holding], BREAKER_SUCCESS, atomic_load(&c->now_ns));
    return NULL;
}

/* Whatever threads do at once: never more probes of one generation than allowed, every transition is one of the machine's,
 * and when all have ended no permit is lost. */
static void keeps_its_rules_under_any_interleaving(void **state)
{
    (void)state;
    static chaos c;
    breaker_settings settings = {.failures = 3,
                                 .window_ns = 10 * MS,
                                 .cooldown_ns = 5 * MS,
                                 .cooldown_max_ns = 20 * MS,
                                 .probes = 2,
                                 .successes = 2,
                                 .lease_ns = 20 * MS};
    memset(&c, 0, sizeof c);
    atomic_store(&c.now_ns, SECOND);
    c.steps = rounds() * 50;
    breaker_init(&c.guard, &settings, 1, SECOND);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_true(thread_start(&threads[i], do_anything, &c, "caller"));
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_false(atomic_load(&c.exceeded));
    int64_t now_ns = atomic_load(&c.now_ns);
    breaker_counts counts;
    breaker_read_counts(&c.guard, now_ns, &counts);
    assert_int_equal(counts.probes_in_flight, 0);
    static const bool possible[3][3] = {[BREAKER_CLOSED] = {true, false, true}, /* to closed: reset */
                                        [BREAKER_HALF_OPEN] = {true, false, true},
                                        [BREAKER_OPEN] = {true, true, false}};
    int64_t entered = 0, left = 0;
    for (int from = 0; from < BREAKER_STATE_COUNT; from++)
        for (int to = 0; to < BREAKER_STATE_COUNT; to++) {
            assert_true(counts.transitions[from][to] == 0 || (from < 3 && to < 3 && possible[from][to]));
            left += from == BREAKER_OPEN ? (int64_t)counts.transitions[from][to] : 0;
            entered += to == BREAKER_OPEN ? (int64_t)counts.transitions[from][to] : 0;
        }
    assert_true(entered - left == (breaker_current(&c.guard, now_ns) == BREAKER_OPEN));
    assert_true(entered > 0 && left > 0);
    breaker_force(&c.guard, BREAKER_OPEN, now_ns);
    now_ns += 20 * MS;
    breaker_ticket ticket;
    assert_true(breaker_admit(&c.guard, now_ns, &ticket) && breaker_admit(&c.guard, now_ns, &ticket));
    assert_false(breaker_admit(&c.guard, now_ns, &ticket));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exactly_the_allowed_probes_get_through),
        cmocka_unit_test(opens_once_however_many_fail_together),
        cmocka_unit_test(keeps_its_rules_under_any_interleaving),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
