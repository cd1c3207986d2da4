/* Beginnings that texts of a causal model share, such as instructions: their token ids and, of each layer, the keys and values of
 * their tokens, which do not depend on what follows. A text that begins like an entry takes these over and computes the rest.
 *
 *     prefix_entry *entry;
 *     size_t tokens = prefix_cache_find(cache, ids, count, &entry);
 *     ... the pass reads entry->rows ...
 *     prefix_cache_release(cache, entry);
 *
 * Nobody says where an instruction ends, and a tokenizer may merge its last bytes with the text's first: only token ids are
 * compared, of texts with entries and of texts with texts that came shortly before.
 *
 * Memory: entries together never take more than the limit, those in use included. One that is needed for a new entry goes by age of
 * its last use; one in use stays. Where nothing can be made room for, nothing is kept, which is no error.
 *
 * Thread-safe. An entry is filled by the thread that made it, and read-only from prefix_cache_keep on. */
#ifndef ENGINE_PREFIX_CACHE_H
#define ENGINE_PREFIX_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A shorter beginning is not worth keeping, nor one that adds less to what is kept. */
#define PREFIX_LEAST_TOKENS ((size_t)16)
/* Of an entry. */
#define PREFIX_MOST_TOKENS ((size_t)1024)

typedef struct prefix_cache prefix_cache;

typedef struct prefix_entry {
    unsigned char *rows; /* [layers][tokens] keys and values, see cpu_reuse; 64-byte aligned */
    size_t tokens;
    const int32_t *ids; /* [tokens] */
} prefix_entry;

typedef struct prefix_cache_stats {
    uint64_t hits, misses; /* texts that took something over, or nothing */
    uint64_t saved_tokens; /* that these texts did not compute */
    uint64_t computed;     /* entries that were filled and kept */
    size_t bytes, entries; /* in memory now */
} prefix_cache_stats;

/* row_bytes: of a token's row in one layer. NULL = out of memory. */
prefix_cache *prefix_cache_open(size_t limit_bytes, size_t layers, size_t row_bytes);
/* NULL allowed. No entry is in use. */
void prefix_cache_close(prefix_cache *cache);

/* How many of the first count - 1 tokens the best entry has, and that entry, which the caller releases; 0 and NULL where these are fewer
 * than PREFIX_LEAST_TOKENS. */
size_t prefix_cache_find(prefix_cache *cache, const int32_t *ids, size_t count, prefix_entry **entry);
void prefix_cache_release(prefix_cache *cache, prefix_entry *entry);
/* Counts a text that took over `tokens` tokens; 0 = a miss. */
void prefix_cache_count(prefix_cache *cache, size_t tokens);

/* Remembers how the text begins. Returns how many of its first count - 1 tokens are worth an entry: those that a different text of
 * the last ones began with; 0 = none, or the best entry has nearly as many. */
size_t prefix_cache_note(prefix_cache *cache, const int32_t *ids, size_t count);

/* An entry for the caller alone, whose first *filled rows of each layer are copied from another entry. NULL = no room. The caller fills the
 * other rows, then keeps it, or not, and releases it. */
prefix_entry *prefix_cache_make(prefix_cache *cache, const int32_t *ids, size_t tokens, size_t *filled);
/* Others may find it now, unless one like it is there already. Entries that it contains go. */
void prefix_cache_keep(prefix_cache *cache, prefix_entry *entry);

/* cache NULL: all 0. */
void prefix_cache_read_stats(prefix_cache *cache, prefix_cache_stats *stats);

#endif
