#include "base/siphash.h"

#include "base/clock.h"

#include <string.h>
#include <sys/random.h>

typedef struct sip_state {
    uint64_t v0, v1, v2, v3;
} sip_state;

static inline uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void rounds(sip_state *s, int count)
{
    for (int i = 0; i < count; i++) {
        s->v0 += s->v1;
        s->v2 += s->v3;
        s->v1 = rotate(s->v1, 13) ^ s->v0;
        s->v3 = rotate(s->v3, 16) ^ s->v2;
        s->v0 = rotate(s->v0, 32);
        s->v2 += s->v1;
        s->v0 += s->v3;
        s->v1 = rotate(s->v1, 17) ^ s->v2;
        s->v3 = rotate(s->v3, 21) ^ s->v0;
        s->v2 = rotate(s->v2, 32);
    }
}

siphash_key siphash_random_key(void)
{
    siphash_key key;
    if (getrandom(&key, sizeof key, 0) != (ssize_t)sizeof key)
        key = (siphash_key){(uint64_t)clock_wall_ns(), (uint64_t)clock_monotonic_ns()};
    return key;
}

static inline void absorb(sip_state *s, uint64_t word)
{
    s->v3 ^= word;
    rounds(s, 2);
    s->v0 ^= word;
}

uint64_t siphash(siphash_key key, const void *data, size_t length)
{
    sip_state s = {key.k0 ^ UINT64_C(0x736f6d6570736575), key.k1 ^ UINT64_C(0x646f72616e646f6d),
                   key.k0 ^ UINT64_C(0x6c7967656e657261), key.k1 ^ UINT64_C(0x7465646279746573)};
    const unsigned char *bytes = data;
    size_t whole = length / 8;
    for (size_t i = 0; i < whole; i++) {
        uint64_t word;
        memcpy(&word, bytes + 8 * i, sizeof word);
        absorb(&s, word);
    }
    uint64_t last = 0;
    if (length % 8 > 0)
        memcpy(&last, bytes + 8 * whole, length % 8);
    absorb(&s, last | (uint64_t)(length & 0xFF) << 56);
    s.v2 ^= 0xFF;
    rounds(&s, 4);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
