/* Random spreading of times that many clients would otherwise obey together. Deterministic for a seed; thread-safe
 * without a lock. Not for secrets. */
#ifndef RESILIENCE_JITTER_H
#define RESILIENCE_JITTER_H

#include <stdatomic.h>
#include <stdint.h>

/* SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014): its state is a counter, so
 * that one atomic addition is all that threads share. */
typedef struct jitter {
    _Atomic uint64_t state;
} jitter;

void jitter_init(jitter *j, uint64_t seed);

/* Uniform over all 64-bit numbers. */
uint64_t jitter_next(jitter *j);
/* Uniform over least .. most, both included; least <= most. */
int64_t jitter_between(jitter *j, int64_t least, int64_t most);

typedef struct retry_after {
    int64_t ms;      /* for retry-after-ms: wait_ms to 1.6 times that */
    int64_t seconds; /* for Retry-After, which has no fractions: at least `ms`, and sometimes more */
} retry_after;

/* When a refused client should come back that could be served in wait_ms (taken as 100 at least and 37,500 at most, so
 * that nobody is told to wait for more than a minute). Never before that; the replies of one moment are spread over more
 * than 20 % to either side of their mean. */
retry_after jitter_retry_after(jitter *j, int64_t wait_ms);

#endif
