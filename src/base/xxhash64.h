/* XXH64 (Collet: xxHash, the 64-bit variant of its specification): tells at the speed of memory whether data was changed by
 * accident. No protection from those who want to deceive; siphash is for tables that hold what clients send. */
#ifndef BASE_XXHASH64_H
#define BASE_XXHASH64_H

#include <stddef.h>
#include <stdint.h>

/* Several pieces of data are chained by taking the hash of one as the next one's seed. */
uint64_t xxhash64(uint64_t seed, const void *data, size_t length);

#endif
