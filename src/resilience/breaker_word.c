#include "resilience/breaker_word.h"

bool breaker_change(breaker *b, uint64_t *seen, breaker_word next)
{
    breaker_word from = breaker_unpack(*seen);
    next.generation = (uint16_t)(from.generation + 1);
    if (!atomic_compare_exchange_strong(&b->word, seen, breaker_pack(next)))
        return false;
    breaker_count(&b->transitions[from.state][next.state]);
    if (from.state == BREAKER_HALF_OPEN)
        probe_leases_clear(&b->leases, from.generation);
    *seen = breaker_pack(next);
    return true;
}

static uint64_t cooldown_ticks(breaker *b, unsigned growth)
{
    const breaker_settings *s = &b->settings;
    int64_t cooldown_ns = s->cooldown_ns;
    for (unsigned i = 0; i < growth && cooldown_ns < s->cooldown_max_ns; i++)
        cooldown_ns = cooldown_ns <= s->cooldown_max_ns / 2 ? cooldown_ns * 2 : s->cooldown_max_ns;
    int64_t spread_ns = cooldown_ns / 100 * s->cooldown_jitter_percent;
    if (spread_ns > 0)
        cooldown_ns += jitter_between(&b->noise, -spread_ns, spread_ns);
    return cooldown_ns < NS_PER_MS ? 1 : (uint64_t)(cooldown_ns / NS_PER_MS);
}

bool breaker_open(breaker *b, uint64_t *seen, unsigned growth, uint64_t tick)
{
    uint64_t deadline = tick + cooldown_ticks(b, growth);
    breaker_word open = {.state = BREAKER_OPEN,
                         .growth = growth,
                         .deadline = deadline < BREAKER_TICK_MAX ? deadline : BREAKER_TICK_MAX};
    return breaker_change(b, seen, open);
}

bool breaker_reopen(breaker *b, uint64_t *seen, uint64_t tick)
{
    unsigned growth = breaker_unpack(*seen).growth;
    return breaker_open(b, seen, growth < BREAKER_GROWTH_MAX ? growth + 1 : growth, tick);
}

uint64_t breaker_settle(breaker *b, uint64_t tick)
{
    uint64_t seen = atomic_load(&b->word);
    for (;;) {
        breaker_word w = breaker_unpack(seen);
        uint64_t first_end;
        if (w.state == BREAKER_OPEN && tick >= w.deadline) {
            breaker_change(b, &seen, (breaker_word){.state = BREAKER_HALF_OPEN, .growth = w.growth});
        } else if (w.state == BREAKER_HALF_OPEN &&
                   probe_leases_count(&b->leases, w.generation, &first_end) > 0 && tick >= first_end) {
            if (breaker_reopen(b, &seen, tick))
                breaker_count(&b->expired);
        } else {
            return seen;
        }
    }
}
