#include "base/xxhash64.h"

#include <endian.h>
#include <string.h>

#define PRIME_1 UINT64_C(0x9e3779b185ebca87)
#define PRIME_2 UINT64_C(0xc2b2ae3d27d4eb4f)
#define PRIME_3 UINT64_C(0x165667b19e3779f9)
#define PRIME_4 UINT64_C(0x85ebca77c2b2ae63)
#define PRIME_5 UINT64_C(0x27d4eb2f165667c5)

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static uint64_t read_64(const unsigned char *from)
{
    uint64_t x;
    memcpy(&x, from, sizeof x);
    return le64toh(x);
}

static uint64_t mix(uint64_t lane, uint64_t word)
{
    return rotate(lane + word * PRIME_2, 31) * PRIME_1;
}

void xxhash64_begin(xxhash64_state *state, uint64_t seed)
{
    *state = (xxhash64_state){.seed = seed,
                              .lanes = {seed + PRIME_1 + PRIME_2, seed + PRIME_2, seed, seed - PRIME_1}};
}

static void add_stripe(xxhash64_state *state, const unsigned char *stripe)
{
    for (size_t i = 0; i < 4; i++)
        state->lanes[i] = mix(state->lanes[i], read_64(stripe + 8 * i));
}

void xxhash64_add(xxhash64_state *state, const void *data, size_t length)
{
    const unsigned char *at = data;
    size_t held = state->total % XXHASH64_STRIPE;
    state->total += length;
    if (held > 0 && length > 0) {
        size_t more = XXHASH64_STRIPE - held < length ? XXHASH64_STRIPE - held : length;
        memcpy(state->rest + held, at, more);
        if (held + more < XXHASH64_STRIPE)
            return;
        add_stripe(state, state->rest);
        at += more;
        length -= more;
    }
    for (; length >= XXHASH64_STRIPE; at += XXHASH64_STRIPE, length -= XXHASH64_STRIPE)
        add_stripe(state, at);
    if (length > 0)
        memcpy(state->rest, at, length);
}

uint64_t xxhash64_value(const xxhash64_state *state)
{
    const unsigned char *at = state->rest;
    const uint64_t *lanes = state->lanes;
    size_t left = state->total % XXHASH64_STRIPE;
    uint64_t hash = state->seed + PRIME_5;
    if (state->total >= XXHASH64_STRIPE) {
        hash = rotate(lanes[0], 1) + rotate(lanes[1], 7) + rotate(lanes[2], 12) + rotate(lanes[3], 18);
        for (size_t i = 0; i < 4; i++)
            hash = (hash ^ mix(0, lanes[i])) * PRIME_1 + PRIME_4;
    }
    hash += state->total;
    for (; left >= 8; at += 8, left -= 8)
        hash = rotate(hash ^ mix(0, read_64(at)), 27) * PRIME_1 + PRIME_4;
    if (left >= 4) {
        uint32_t word;
        memcpy(&word, at, sizeof word);
        hash = rotate(hash ^ le32toh(word) * PRIME_1, 23) * PRIME_2 + PRIME_3;
        at += 4;
        left -= 4;
    }
    for (; left > 0; at++, left--)
        hash = rotate(hash ^ *at * PRIME_5, 11) * PRIME_1;
    hash = (hash ^ hash >> 33) * PRIME_2;
    hash = (hash ^ hash >> 29) * PRIME_3;
    return hash ^ hash >> 32;
}

uint64_t xxhash64(uint64_t seed, const void *data, size_t length)
{
    xxhash64_state state;
    xxhash64_begin(&state, seed);
    xxhash64_add(&state, data, length);
    return xxhash64_value(&state);
}
