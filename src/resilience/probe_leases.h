/* The permits of a half-open breaker: at most `places` probes are out at once, each until it reports or its lease ends.
 *
 * A place is one word: the generation that took it and the tick at which the lease ends. Taking and giving back are one
 * compare-and-swap each, so that no two calls hold one place and only who holds it gives it back. Places that an earlier
 * generation left behind are free; those of a later one are not, so that a thread that was long away with an old
 * generation takes nothing from the present one (generations are compared on a circle of 65,536). Lock-free. */
#ifndef RESILIENCE_PROBE_LEASES_H
#define RESILIENCE_PROBE_LEASES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define PROBE_LEASES_MAX 8

typedef struct probe_leases {
    unsigned places;                         /* 1 .. PROBE_LEASES_MAX */
    uint64_t length_tick;                    /* >= 1 */
    _Atomic uint64_t held[PROBE_LEASES_MAX]; /* 0 = free */
} probe_leases;

/* Kept by a holder. lease == 0: holds nothing. */
typedef struct probe_lease {
    uint64_t lease;
    uint8_t place;
} probe_lease;

void probe_leases_init(probe_leases *p, unsigned places, uint64_t length_tick);

/* False when all places are taken. tick + length_tick < 2^48. */
bool probe_leases_take(probe_leases *p, uint16_t generation, uint64_t tick, probe_lease *taken);

/* False when it is not held any more. */
bool probe_leases_give_back(probe_leases *p, probe_lease lease);

/* Frees all places of a generation that has ended. */
void probe_leases_clear(probe_leases *p, uint16_t generation);

/* How many places a generation holds; *first_end is when the first of them ends, UINT64_MAX when none does. */
unsigned probe_leases_count(const probe_leases *p, uint16_t generation, uint64_t *first_end);

#endif
