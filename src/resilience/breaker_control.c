#include "resilience/breaker.h"

#include "resilience/breaker_word.h"

#include <string.h>
#include <time.h>

const breaker_settings breaker_defaults = {.failures = BREAKER_DEFAULT_FAILURES,
                                           .window_ns = BREAKER_DEFAULT_WINDOW_S * NS_PER_S,
                                           .cooldown_ns = BREAKER_DEFAULT_COOLDOWN_S * NS_PER_S,
                                           .cooldown_max_ns = BREAKER_DEFAULT_COOLDOWN_S * NS_PER_S,
                                           .probes = BREAKER_DEFAULT_PROBES,
                                           .successes = BREAKER_DEFAULT_SUCCESSES,
                                           .lease_ns = 10 * NS_PER_S};

static bool is_time(int64_t ns)
{
    return ns >= NS_PER_MS && ns <= BREAKER_TIME_MAX_NS;
}

const char *breaker_settings_problem(const breaker_settings *s)
{
    if (s->failures < 1 || s->failures > FAILURE_WINDOW_MAX)
        return "the breaker's failures must be 1 to 64";
    if (!is_time(s->window_ns))
        return "the breaker's window must be 1 ms to a year";
    if (!is_time(s->cooldown_ns))
        return "the breaker's cooldown must be 1 ms to a year";
    if (!is_time(s->cooldown_max_ns) || s->cooldown_max_ns < s->cooldown_ns)
        return "the breaker's longest cooldown must be its cooldown to a year";
    if (s->cooldown_jitter_percent > BREAKER_JITTER_MAX_PERCENT)
        return "the breaker's jitter must be 0 to 50 percent";
    if (s->probes < 1 || s->probes > BREAKER_PROBES_MAX)
        return "the breaker's probes must be 1 to 8";
    if (s->successes < 1 || s->successes > BREAKER_SUCCESSES_MAX)
        return "the breaker's successes must be 1 to 7";
    if (!is_time(s->lease_ns))
        return "the breaker's lease must be 1 ms to a year";
    return NULL;
}

void breaker_init(breaker *b, const breaker_settings *settings, uint64_t seed, int64_t now_ns)
{
    memset(b, 0, sizeof *b);
    b->settings = *settings;
    b->born_ns = now_ns;
    jitter_init(&b->noise, seed);
    failure_window_init(&b->window, settings->failures, (uint64_t)(settings->window_ns / NS_PER_MS));
    probe_leases_init(&b->leases, settings->probes, (uint64_t)(settings->lease_ns / NS_PER_MS));
    atomic_init(&b->word, breaker_pack((breaker_word){.state = BREAKER_CLOSED}));
}

breaker_state breaker_current(breaker *b, int64_t now_ns)
{
    return breaker_unpack(breaker_settle(b, breaker_tick(b, now_ns))).state;
}

int64_t breaker_wait_ns(breaker *b, int64_t now_ns)
{
    uint64_t tick = breaker_tick(b, now_ns);
    breaker_word w = breaker_unpack(breaker_settle(b, tick));
    uint64_t end = w.deadline;
    if (w.state == BREAKER_FORCED_OPEN)
        return INT64_MAX;
    if (w.state == BREAKER_HALF_OPEN) {
        if (probe_leases_count(&b->leases, w.generation, &end) < b->settings.probes)
            return 0;
    } else if (w.state != BREAKER_OPEN) {
        return 0;
    }
    /* Ticks round down: up to one more of them is to be waited for. */
    int64_t wait_ns = b->born_ns + (int64_t)end * NS_PER_MS - now_ns;
    return wait_ns > 0 ? wait_ns : 0;
}

void breaker_reset(breaker *b, int64_t now_ns)
{
    (void)breaker_force(b, BREAKER_CLOSED, now_ns);
}

bool breaker_force(breaker *b, breaker_state state, int64_t now_ns)
{
    if (state == BREAKER_HALF_OPEN || state >= BREAKER_STATE_COUNT)
        return false;
    uint64_t tick = breaker_tick(b, now_ns);
    uint64_t seen = breaker_settle(b, tick);
    while (state == BREAKER_OPEN ? !breaker_open(b, &seen, 0, tick)
                                 : !breaker_change(b, &seen, (breaker_word){.state = state}))
        continue;
    return true;
}

void breaker_read_counts(breaker *b, int64_t now_ns, breaker_counts *counts)
{
    uint64_t tick = breaker_tick(b, now_ns), first_end;
    uint16_t generation = breaker_unpack(breaker_settle(b, tick)).generation;
    *counts =
        (breaker_counts){.would_have_opened = atomic_load(&b->would_have_opened),
                         .expired = atomic_load(&b->expired),
                         .failures_in_window = (unsigned)failure_window_count(&b->window, generation, tick),
                         .probes_in_flight = probe_leases_count(&b->leases, generation, &first_end)};
    for (size_t from = 0; from < BREAKER_STATE_COUNT; from++)
        for (size_t to = 0; to < BREAKER_STATE_COUNT; to++)
            counts->transitions[from][to] = atomic_load(&b->transitions[from][to]);
    for (size_t i = 0; i < BREAKER_SHARDS; i++) {
        for (size_t outcome = 0; outcome < BREAKER_OUTCOME_COUNT; outcome++)
            counts->calls[outcome] +=
                atomic_load_explicit(&b->shards[i].calls[outcome], memory_order_relaxed);
        counts->late += atomic_load_explicit(&b->shards[i].late, memory_order_relaxed);
        counts->not_permitted += atomic_load_explicit(&b->shards[i].not_permitted, memory_order_relaxed);
    }
}

const char *breaker_state_name(breaker_state state)
{
    static const char *const names[] = {
#define BREAKER_STATE_NAME(symbol, name) name,
        BREAKER_STATES(BREAKER_STATE_NAME)
#undef BREAKER_STATE_NAME
    };
    return state < BREAKER_STATE_COUNT ? names[state] : "unknown";
}

int64_t breaker_clock_ns(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC_COARSE, &now) != 0)
        return clock_monotonic_ns();
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}
