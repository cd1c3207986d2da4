#include "resilience/jitter.h"

#define SOONEST_MS 100
/* 1.6 times that is a minute. Some clients do not come back at all when told to wait for longer. */
#define LATEST_MS INT64_C(37500)
#define GOLDEN_GAMMA UINT64_C(0x9E3779B97F4A7C15)

void jitter_init(jitter *j, uint64_t seed)
{
    atomic_store(&j->state, seed);
}

uint64_t jitter_next(jitter *j)
{
    uint64_t z = atomic_fetch_add_explicit(&j->state, GOLDEN_GAMMA, memory_order_relaxed) + GOLDEN_GAMMA;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

int64_t jitter_between(jitter *j, int64_t least, int64_t most)
{
    /* The high bits of a product instead of a remainder: no division, and a bias too small to see. */
    uint64_t span = (uint64_t)most - (uint64_t)least + 1;
    if (span == 0)
        return (int64_t)jitter_next(j);
    return (int64_t)((uint64_t)least + (uint64_t)(((unsigned __int128)jitter_next(j) * span) >> 64));
}

retry_after jitter_retry_after(jitter *j, int64_t wait_ms)
{
    if (wait_ms < SOONEST_MS)
        wait_ms = SOONEST_MS;
    if (wait_ms > LATEST_MS)
        wait_ms = LATEST_MS;
    retry_after after = {.ms = jitter_between(j, wait_ms, wait_ms + wait_ms * 6 / 10)};
    int64_t seconds = (after.ms + 999) / 1000;
    /* Few seconds are all rounded up to the same one: they are spread once more. */
    after.seconds = jitter_between(j, seconds, seconds < 4 ? seconds + 1 + seconds / 2 : seconds);
    return after;
}
