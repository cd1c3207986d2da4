/* The state word of a breaker and its changes: what breaker.c and breaker_control.c share. */
#ifndef RESILIENCE_BREAKER_WORD_H
#define RESILIENCE_BREAKER_WORD_H

#include "base/clock.h"
#include "resilience/breaker.h"

/* From the low bits: state 3, successes 3, growth 3, generation 16, deadline 39: 17 years of milliseconds. */
#define BREAKER_SUCCESSES_SHIFT 3
#define BREAKER_GROWTH_SHIFT 6
#define BREAKER_GENERATION_SHIFT 9
#define BREAKER_DEADLINE_SHIFT 25
#define BREAKER_GROWTH_MAX 7
#define BREAKER_TICK_MAX ((UINT64_C(1) << 39) - 1)

typedef struct breaker_word {
    breaker_state state;
    unsigned successes; /* of probes, in half-open */
    unsigned growth;    /* how often the cooldown has been doubled */
    uint16_t generation;
    uint64_t deadline; /* the tick at which an open breaker becomes half-open */
} breaker_word;

static inline uint64_t breaker_pack(breaker_word w)
{
    return (uint64_t)w.state | (uint64_t)w.successes << BREAKER_SUCCESSES_SHIFT |
           (uint64_t)w.growth << BREAKER_GROWTH_SHIFT | (uint64_t)w.generation << BREAKER_GENERATION_SHIFT |
           w.deadline << BREAKER_DEADLINE_SHIFT;
}

static inline breaker_word breaker_unpack(uint64_t word)
{
    return (breaker_word){.state = (breaker_state)(word & 7),
                          .successes = word >> BREAKER_SUCCESSES_SHIFT & 7,
                          .growth = word >> BREAKER_GROWTH_SHIFT & 7,
                          .generation = (uint16_t)(word >> BREAKER_GENERATION_SHIFT),
                          .deadline = word >> BREAKER_DEADLINE_SHIFT};
}

/* Whole milliseconds since the breaker was made. */
static inline uint64_t breaker_tick(const breaker *b, int64_t now_ns)
{
    int64_t age_ns = now_ns - b->born_ns;
    uint64_t tick = age_ns > 0 ? (uint64_t)(age_ns / NS_PER_MS) : 0;
    return tick < BREAKER_TICK_MAX ? tick : BREAKER_TICK_MAX;
}

static inline void breaker_count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* One change of state: the generation is raised, the leases of the old one are freed. False when another thread changed
 * the word first. *seen becomes what the word is now. */
bool breaker_change(breaker *b, uint64_t *seen, breaker_word next);

/* The change to open, for a cooldown that has been doubled `growth` times. */
bool breaker_open(breaker *b, uint64_t *seen, unsigned growth, uint64_t tick);

/* The change from half-open to open. */
bool breaker_reopen(breaker *b, uint64_t *seen, uint64_t tick);

/* The word after the changes that time has brought. */
uint64_t breaker_settle(breaker *b, uint64_t tick);

#endif
