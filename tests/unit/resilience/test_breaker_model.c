/* Random schedules: the breaker and its model see the same calls, outcomes, commands and times, and must agree on every
 * answer. AKIDB_BREAKER_SCHEDULES runs more of them than the suite does. */
#include "unit.h"

#include "breaker_model.h"

#define STEPS 48

typedef struct schedule {
    uint64_t seed;
    jitter dice;
    breaker_settings settings;
    breaker real;
    model expected;
    breaker_ticket tickets[MODEL_CALLS];
    int64_t born_ns, now_ns;
    int64_t marks_ms[8]; /* lengths whose edges are where mistakes hide */
} schedule;

static int64_t pick(schedule *s, int64_t least, int64_t most)
{
    return jitter_between(&s->dice, least, most);
}

static int64_t now_ms(const schedule *s)
{
    return (s->now_ns - s->born_ns) / MODEL_MS;
}

static void draw_settings(schedule *s)
{
    breaker_settings *b = &s->settings;
    *b = (breaker_settings){.failures = (unsigned)pick(s, 1, 5),
                            .window_ns = pick(s, 1, 40) * MODEL_MS,
                            .cooldown_ns = pick(s, 1, 40) * MODEL_MS,
                            .probes = (unsigned)pick(s, 1, 3),
                            .successes = (unsigned)pick(s, 1, 3),
                            .lease_ns = pick(s, 1, 40) * MODEL_MS};
    b->cooldown_max_ns = b->cooldown_ns * pick(s, 1, 6);
    int64_t lengths_ns[] = {b->window_ns, b->cooldown_ns, b->lease_ns, b->cooldown_max_ns};
    for (size_t i = 0; i < 4; i++) {
        s->marks_ms[i] = lengths_ns[i] / MODEL_MS;
        s->marks_ms[4 + i] = s->marks_ms[i] / 4;
    }
}

static void pass_time(schedule *s)
{
    switch (pick(s, 0, 4)) {
    case 0:
        s->now_ns += pick(s, 0, MODEL_MS);
        break;
    case 1:
        s->now_ns += pick(s, 0, 3) * MODEL_MS;
        break;
    default: /* to a whole tick, about a mark away */
        s->now_ns += s->marks_ms[pick(s, 0, 7)] * MODEL_MS + pick(s, -1, 1);
        if (s->now_ns < s->born_ns)
            s->now_ns = s->born_ns;
    }
}

#define agree(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            fail_msg("schedule %llu: %s", (unsigned long long)s->seed, #condition);                          \
    } while (0)

static void admit(schedule *s)
{
    size_t call = 0;
    while (call < MODEL_CALLS && s->expected.calls[call].out)
        call++;
    agree(call < MODEL_CALLS);
    bool allowed = model_admit(&s->expected, call, now_ms(s));
    agree(breaker_admit(&s->real, s->now_ns, &s->tickets[call]) == allowed);
}

static void record(schedule *s)
{
    size_t start = (size_t)pick(s, 0, 7);
    for (size_t i = 0; i < MODEL_CALLS; i++) {
        size_t call = (start + i) % MODEL_CALLS;
        if (!s->expected.calls[call].out)
            continue;
        breaker_outcome outcome = (breaker_outcome)pick(s, 0, BREAKER_OUTCOME_COUNT - 1);
        bool counts = model_record(&s->expected, call, outcome, now_ms(s));
        agree(breaker_record(&s->real, s->tickets[call], outcome, s->now_ns) == counts);
        return;
    }
}

static void command(schedule *s)
{
    static const breaker_state states[] = {BREAKER_CLOSED,   BREAKER_CLOSED,       BREAKER_OPEN,
                                           BREAKER_DISABLED, BREAKER_METRICS_ONLY, BREAKER_FORCED_OPEN};
    breaker_state state = states[pick(s, 0, 5)];
    model_force(&s->expected, state, now_ms(s));
    agree(breaker_force(&s->real, state, s->now_ns));
}

static void compare_wait(schedule *s)
{
    int64_t wait_ns = breaker_wait_ns(&s->real, s->now_ns), first_end_ms;
    model_pass_time(&s->expected, now_ms(s));
    const model *m = &s->expected;
    if (m->state == BREAKER_FORCED_OPEN)
        agree(wait_ns == INT64_MAX);
    else if (m->state == BREAKER_OPEN)
        agree(wait_ns == s->born_ns + m->open_until_ms * MODEL_MS - s->now_ns);
    else if (m->state == BREAKER_HALF_OPEN && model_probes(m, &first_end_ms) == m->settings.probes)
        agree(wait_ns == s->born_ns + first_end_ms * MODEL_MS - s->now_ns);
    else
        agree(wait_ns == 0);
}

static void compare_counts(schedule *s)
{
    breaker_counts counts;
    int64_t first_end_ms;
    breaker_read_counts(&s->real, s->now_ns, &counts);
    model_pass_time(&s->expected, now_ms(s));
    s->expected.counts.probes_in_flight = model_probes(&s->expected, &first_end_ms);
    s->expected.counts.failures_in_window = (unsigned)model_failures_in_window(&s->expected, now_ms(s));
    agree(memcmp(&counts, &s->expected.counts, sizeof counts) == 0);
}

static void run(uint64_t seed)
{
    static schedule s0;
    schedule *s = &s0;
    memset(&s->expected, 0, sizeof s->expected);
    s->seed = seed;
    jitter_init(&s->dice, seed);
    draw_settings(s);
    s->born_ns = s->now_ns = pick(s, 0, INT64_C(1) << 50);
    breaker_init(&s->real, &s->settings, 0, s->now_ns);
    s->expected.settings = s->settings;
    s->expected.state = BREAKER_CLOSED;
    int64_t few_commands = pick(s, 0, 1) * 30; /* half of them without any */
    for (int step = 0; step < STEPS; step++) {
        int64_t action = pick(s, 0, 99);
        if (action < 30)
            pass_time(s);
        else if (action < 60)
            admit(s);
        else if (action < 92)
            record(s);
        else if (action < 96)
            compare_wait(s);
        else if (few_commands > step)
            command(s);
        if (pick(s, 0, 1))
            continue; /* asking makes the changes that time brought: the other calls must as well */
        breaker_state state = breaker_current(&s->real, s->now_ns);
        model_pass_time(&s->expected, now_ms(s));
        agree(state == s->expected.state);
    }
    compare_counts(s);
}

static void agrees_with_its_model_over_random_schedules(void **state)
{
    (void)state;
    const char *asked = getenv("AKIDB_BREAKER_SCHEDULES");
    uint64_t schedules = asked != NULL ? strtoull(asked, NULL, 10) : unit_is_emulated() ? 2000 : 600000;
    for (uint64_t seed = 1; seed <= schedules; seed++)
        run(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(agrees_with_its_model_over_random_schedules)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
