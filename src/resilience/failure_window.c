#include "resilience/failure_window.h"

#define TICK_BITS 48
#define TICK_MASK ((UINT64_C(1) << TICK_BITS) - 1)

static uint64_t pack(uint16_t generation, uint64_t tick)
{
    return (uint64_t)generation << TICK_BITS | ((tick + 1) & TICK_MASK);
}

/* Age of a place's failure, or UINT64_MAX of an empty one. */
static uint64_t age(uint64_t word, uint16_t generation, uint64_t tick)
{
    uint64_t failed = (word & TICK_MASK) - 1;
    if (word == 0 || word >> TICK_BITS != generation)
        return UINT64_MAX;
    return failed > tick ? 0 : tick - failed; /* of a thread whose clock was read a little later */
}

void failure_window_init(failure_window *w, size_t threshold, uint64_t length_tick)
{
    w->threshold = threshold;
    w->length_tick = length_tick;
    for (size_t i = 0; i < FAILURE_WINDOW_MAX; i++)
        atomic_init(&w->failures[i], 0);
}

bool failure_window_add(failure_window *w, uint16_t generation, uint64_t tick)
{
    size_t oldest;
    uint64_t replaced;
    do {
        oldest = 0;
        replaced = atomic_load(&w->failures[0]);
        for (size_t i = 1; i < w->threshold; i++) {
            uint64_t word = atomic_load(&w->failures[i]);
            if (age(word, generation, tick) > age(replaced, generation, tick)) {
                oldest = i;
                replaced = word;
            }
        }
        if (age(replaced, generation, tick) == 0)
            return true; /* all the others are as late as this one, or later */
    } while (!atomic_compare_exchange_weak(&w->failures[oldest], &replaced, pack(generation, tick)));
    return failure_window_count(w, generation, tick) == w->threshold;
}

size_t failure_window_count(const failure_window *w, uint16_t generation, uint64_t tick)
{
    size_t count = 0;
    for (size_t i = 0; i < w->threshold; i++)
        count += age(atomic_load(&w->failures[i]), generation, tick) < w->length_tick;
    return count;
}
