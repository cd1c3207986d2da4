#include "resilience/probe_leases.h"

#define GENERATION_SHIFT 48
#define END_MASK ((UINT64_C(1) << GENERATION_SHIFT) - 1)

/* A lease's end is never 0, so that a lease is never 0. */
static bool is_of(uint64_t lease, uint16_t generation)
{
    return lease != 0 && lease >> GENERATION_SHIFT == generation;
}

static bool may_be_taken(uint64_t lease, uint16_t generation)
{
    return lease == 0 || (int16_t)(uint16_t)(generation - (lease >> GENERATION_SHIFT)) > 0;
}

void probe_leases_init(probe_leases *p, unsigned places, uint64_t length_tick)
{
    p->places = places;
    p->length_tick = length_tick;
    for (unsigned i = 0; i < PROBE_LEASES_MAX; i++)
        atomic_init(&p->held[i], 0);
}

bool probe_leases_take(probe_leases *p, uint16_t generation, uint64_t tick, probe_lease *taken)
{
    uint64_t lease = (uint64_t)generation << GENERATION_SHIFT | (tick + p->length_tick);
    for (unsigned i = 0; i < p->places; i++) {
        uint64_t held = atomic_load(&p->held[i]);
        if (may_be_taken(held, generation) && atomic_compare_exchange_strong(&p->held[i], &held, lease)) {
            *taken = (probe_lease){.lease = lease, .place = (uint8_t)i};
            return true;
        }
    }
    return false;
}

bool probe_leases_give_back(probe_leases *p, probe_lease lease)
{
    return atomic_compare_exchange_strong(&p->held[lease.place], &lease.lease, 0);
}

void probe_leases_clear(probe_leases *p, uint16_t generation)
{
    for (unsigned i = 0; i < p->places; i++) {
        uint64_t held = atomic_load(&p->held[i]);
        if (is_of(held, generation))
            atomic_compare_exchange_strong(&p->held[i], &held, 0);
    }
}

unsigned probe_leases_count(const probe_leases *p, uint16_t generation, uint64_t *first_end)
{
    unsigned count = 0;
    *first_end = UINT64_MAX;
    for (unsigned i = 0; i < p->places; i++) {
        uint64_t held = atomic_load(&p->held[i]);
        if (!is_of(held, generation))
            continue;
        count++;
        if ((held & END_MASK) < *first_end)
            *first_end = held & END_MASK;
    }
    return count;
}
