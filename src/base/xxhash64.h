/* XXH64 (Collet: xxHash, the 64-bit variant of its specification): tells at the speed of memory whether data was changed by
 * accident. No protection from those who want to deceive; siphash is for tables that hold what clients send. */
#ifndef BASE_XXHASH64_H
#define BASE_XXHASH64_H

#include <stddef.h>
#include <stdint.h>

/* Several pieces of data are chained by taking the hash of one as the next one's seed. */
uint64_t xxhash64(uint64_t seed, const void *data, size_t length);

#define XXHASH64_STRIPE 32

/* Hash of data that arrive in parts: it depends on the bytes only, not on how they were divided. */
typedef struct xxhash64_state {
    uint64_t seed, total; /* total: bytes added */
    uint64_t lanes[4];
    unsigned char rest[XXHASH64_STRIPE]; /* total % XXHASH64_STRIPE bytes */
} xxhash64_state;

void xxhash64_begin(xxhash64_state *state, uint64_t seed);
void xxhash64_add(xxhash64_state *state, const void *data, size_t length);
/* The hash of the bytes added so far. More may be added afterwards. */
uint64_t xxhash64_value(const xxhash64_state *state);

#endif
