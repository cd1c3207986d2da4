/* Each thread that makes spans has a ring for them and a generator of ids. A thread that ends leaves both,
 * with all counts and waiting spans, to the next one that starts, so that nothing is lost and memory follows the number of
 * threads alive at once. */
#ifndef TELEMETRY_SPAN_SOURCE_H
#define TELEMETRY_SPAN_SOURCE_H

#include "telemetry/span_ring.h"

#include <pthread.h>

typedef struct span_sources span_sources;

/* xoshiro256++ */
typedef struct span_random {
    uint64_t state[4];
} span_random;

typedef struct span_source {
    span_ring ring;
    span_random random;    /* seeded from the system */
    uint64_t signalled_at; /* spans put when the reader was last woken; the writer's */
    span_sources *owner;
    struct span_source *next;
    bool taken; /* owner's lock */
} span_source;

struct span_sources {
    pthread_mutex_t lock;
    pthread_key_t key;
    uint64_t serial; /* of these sources, in the process; from 1 */
    bool open;
    span_source *first;
    size_t max_spans; /* per ring */
    uint32_t max_attributes, max_text;
};

/* False when out of memory or thread keys; closing is allowed then, too. */
bool span_sources_open(span_sources *sources, size_t max_spans, uint32_t max_attributes, uint32_t max_text);
/* No thread may use its source any more. */
void span_sources_close(span_sources *sources);

/* The calling thread's, for this thread only; NULL when there is no memory for it. */
span_source *span_source_mine(span_sources *sources);
/* All of them, linked by `next`; later ones are put before it. */
span_source *span_sources_first(span_sources *sources);

/* The next of the random numbers that such a generator makes (Blackman, Vigna: Scrambled Linear Pseudorandom Number Generators,
 * 2021). Never 0, as no id may be. */
static inline uint64_t span_random_next(span_random *r)
{
    const uint64_t sum = r->state[0] + r->state[3], shifted = r->state[1] << 17;
    const uint64_t result = (sum << 23 | sum >> 41) + r->state[0];
    r->state[2] ^= r->state[0];
    r->state[3] ^= r->state[1];
    r->state[1] ^= r->state[2];
    r->state[0] ^= r->state[3];
    r->state[2] ^= shifted;
    r->state[3] = r->state[3] << 45 | r->state[3] >> 19;
    return result + (result == 0);
}

#endif
