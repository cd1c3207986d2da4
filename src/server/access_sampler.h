/* Which answered requests get a line in the access log: so many in each second, and a count of the others. Safe for several
 * threads, without a lock: at the turn of a second, and only then, the count may be off by some. */
#ifndef SERVER_ACCESS_SAMPLER_H
#define SERVER_ACCESS_SAMPLER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct access_sampler {
    uint64_t per_second;
    _Atomic int64_t second;
    _Atomic uint64_t taken; /* in this second */
    _Atomic uint64_t left_out;
} access_sampler;

/* per_second 0: none at all. */
void access_sampler_init(access_sampler *s, uint64_t per_second);
/* False: no line. *left_out: how many got none since the last line. */
bool access_sampler_admit(access_sampler *s, int64_t now_ns, uint64_t *left_out);

#endif
