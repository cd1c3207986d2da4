/* SipHash-2-4 (Aumasson, Bernstein: SipHash: a fast short-input PRF, INDOCRYPT 2012): hashes for tables that hold what
 * clients send. With a secret random key nobody can send texts that collide. */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

typedef struct siphash_key {
    uint64_t k0, k1; /* the key's 16 bytes, little-endian */
} siphash_key;

/* A random key. Where the system has no randomness to give, one from the clock: tables still work. */
siphash_key siphash_random_key(void);

uint64_t siphash(siphash_key key, const void *data, size_t length);

#endif
