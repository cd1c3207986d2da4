/* Vectors of texts seen before: an exact-text cache in front of tokenizing and computing.
 *
 * The key is the text's bytes behind its prompt's (compared in full: the hash only finds the bucket) together with pooling and
 * normalisation. Model, precision and CPU tier are not in the key, because a cache belongs to one encoder. A hit
 * returns the vector that was computed, bit for bit.
 *
 * Bounded in bytes, bookkeeping included. Divided into shards, each with a lock of its own, held for a look-up and
 * the copy of one vector. The entry to evict is chosen by SIEVE (Zhang et al.: SIEVE is Simpler than LRU, NSDI 2024):
 * a first-in first-out queue with a hand that passes over entries that were hit since it last came by. A hit sets one
 * flag instead of moving entries, and texts that come once do not evict those that come again.
 *
 * A device may compute finite but wrong vectors. Each entry therefore has the number of the last check that began
 * before it was inserted. A check that is passed confirms all entries from before it began. A check that fails drops
 * all entries not yet confirmed, and vectors still being computed then are not inserted. */
#ifndef SCHEDULER_RESULT_CACHE_H
#define SCHEDULER_RESULT_CACHE_H

#include "akidb/embed.h"

typedef struct result_cache result_cache;
typedef struct cache_entry cache_entry;

typedef struct cache_key {
    aki_text text;
    uint64_t hash; /* of the text, with the scheduler's secret key */
    aki_pooling pooling;
    aki_switch normalize;
} cache_key;

typedef struct result_cache_stats {
    uint64_t hits, misses, insertions, evictions;
    uint64_t dropped; /* because a check of the device failed */
    size_t entries, bytes;
} result_cache_stats;

/* dimension: floats per vector. NULL = out of memory. */
result_cache *result_cache_open(size_t max_bytes, size_t dimension);
void result_cache_close(result_cache *cache);

/* True with vector ([dimension] f32) and info filled, and counted as a hit; else counted as a miss. refuse_long: a text
 * that was truncated is not found. Thread-safe, as all below. */
bool result_cache_find(result_cache *cache, const cache_key *key, bool refuse_long, float *vector,
                       aki_text_info *info);

/* Finds the vector for an entry to be, of the same text and options: vector is filled, nothing is counted. */
bool result_cache_recall(result_cache *cache, const cache_entry *entry, float *vector);

/* An entry to be, with a copy of the text, for the time when its vector is there; NULL = it will not be kept (too large
 * for its shard, or out of memory). Ends in result_cache_insert or result_cache_discard. */
cache_entry *result_cache_prepare(const result_cache *cache, const cache_key *key, aki_text_info info);
size_t cache_entry_bytes(const cache_entry *entry); /* of NULL: 0 */
/* The generation must be read before a vector is computed, and is passed with it to result_cache_insert. */
uint64_t result_cache_generation(result_cache *cache);
/* vector: [dimension] f32, copied. An entry of the same text stays. Not inserted when result_cache_drop was called
 * after `generation` was read. */
void result_cache_insert(result_cache *cache, cache_entry *entry, const float *vector, uint64_t generation);
void result_cache_discard(cache_entry *entry); /* NULL allowed */

/* Begins a check of the device that fills the cache; returns its number. */
uint64_t result_cache_begin_check(result_cache *cache);
/* That check was passed: confirms the entries from before it began. */
void result_cache_vouch(result_cache *cache, uint64_t check);
/* A check failed: drops every entry that no check has confirmed. Returns their number. */
size_t result_cache_drop(result_cache *cache);

void result_cache_read_stats(result_cache *cache, result_cache_stats *stats);

#endif
