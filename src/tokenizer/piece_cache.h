/* A cache from short pieces of text to the ids that a model made of them, for models whose result depends on the piece
 * alone. Direct-mapped: a piece takes the place of the one before it. One per thread, for any number of models, one after
 * another. */
#ifndef TOKENIZER_PIECE_CACHE_H
#define TOKENIZER_PIECE_CACHE_H

#include "tokenizer/word_splitter.h"

/* A piece of 1 to PIECE_CACHE_TEXT bytes that became up to PIECE_CACHE_IDS tokens: a cache line. */
#define PIECE_CACHE_TEXT 22
#define PIECE_CACHE_IDS 10
#define PIECE_CACHE_ENTRIES ((size_t)8192)
/* Bytes of a key. */
#define PIECE_CACHE_ROOM ((size_t)24)

typedef struct piece_cached {
    uint64_t key[3]; /* all 0 = free */
    int32_t ids[PIECE_CACHE_IDS];
} piece_cached;

/* A zeroed one is ready for use. */
typedef struct piece_cache {
    piece_cached *entries; /* [PIECE_CACHE_ENTRIES], or NULL */
    uint64_t model;        /* fingerprint of the model that they are of */
} piece_cache;

/* Empties the cache for another model, and makes room where there is none. False = out of memory. */
bool piece_cache_start(piece_cache *cache, uint64_t model);
/* Makes the cache ready for pieces of the model. False = out of memory. */
static inline bool piece_cache_ready(piece_cache *cache, uint64_t model)
{
    return (cache->entries != NULL && cache->model == model) || piece_cache_start(cache, model);
}
/* A zeroed one is allowed. */
void piece_cache_free(piece_cache *cache);

/* Where a piece goes. key: its text with zeros behind, and its length in byte 22; in an entry byte 23 holds the count of
 * ids. */
typedef struct piece_place {
    piece_cached *entry;
    uint64_t key[3];
} piece_place;

#define PIECE_CACHE_COUNT_SHIFT 56

/* The first min(length, 8) bytes, zeros behind. */
static inline uint64_t piece_cache_load(const char *text, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)text;
    if (length >= 8) {
        uint64_t whole;
        memcpy(&whole, text, sizeof whole);
        return whole;
    }
    if (length >= 4) {
        uint32_t low, high; /* they overlap */
        memcpy(&low, text, sizeof low);
        memcpy(&high, text + length - 4, sizeof high);
        return low | (uint64_t)high << 8 * (length - 4);
    }
    const size_t middle = length / 2, last = length - 1;
    return bytes[0] | (uint64_t)bytes[middle] << 8 * middle | (uint64_t)bytes[last] << 8 * last;
}

/* The bytes of a key that its text fills: PIECE_CACHE_ROOM ones, then as many zeros. */
extern const uint8_t piece_cache_mask[2 * PIECE_CACHE_ROOM];

/* key: all three words, zeroed. length: 1 to PIECE_CACHE_TEXT. room: bytes that can be read from `text` on. With
 * PIECE_CACHE_ROOM of them no branch depends on the length. */
static inline void piece_cache_key(uint64_t key[3], const char *text, size_t length, size_t room)
{
    if (room >= PIECE_CACHE_ROOM) {
        uint64_t mask[3];
        memcpy(key, text, PIECE_CACHE_ROOM);
        memcpy(mask, piece_cache_mask + PIECE_CACHE_ROOM - length, PIECE_CACHE_ROOM);
        for (size_t i = 0; i < 3; i++)
            key[i] &= mask[i];
        return;
    }
    key[0] = piece_cache_load(text, length);
    if (length > 8)
        key[1] = piece_cache_load(text + 8, length - 8);
    if (length > 16)
        key[2] = piece_cache_load(text + 16, length - 16);
}

/* As piece_cache_key. */
static inline piece_place piece_cache_find(const piece_cache *cache, const char *text, size_t length,
                                           size_t room)
{
    piece_place place = {0};
    piece_cache_key(place.key, text, length, room);
    place.key[2] |= (uint64_t)length << 48;
    uint64_t hash =
        (place.key[0] ^ place.key[1] * UINT64_C(0xD6E8FEB86659FD93)) * UINT64_C(0x9E3779B97F4A7C15);
    hash = (hash ^ hash >> 32 ^ place.key[2]) * UINT64_C(0xD6E8FEB86659FD93);
    place.entry = &cache->entries[hash >> 32 & (PIECE_CACHE_ENTRIES - 1)];
    return place;
}

/* Appends the ids of the piece and returns true, or returns false where they are not known. out: has room for
 * PIECE_CACHE_IDS more. */
static inline bool piece_cache_get(const piece_place *place, id_list *out)
{
    const piece_cached *entry = place->entry;
    const uint64_t last = entry->key[2], count = last >> PIECE_CACHE_COUNT_SHIFT;
    if (entry->key[0] != place->key[0] || entry->key[1] != place->key[1] ||
        (last ^ count << PIECE_CACHE_COUNT_SHIFT) != place->key[2])
        return false;
    memcpy(out->ids + out->count, entry->ids, sizeof entry->ids);
    out->count += count;
    return true;
}

/* Keeps ids[0..count), unless they are too many. */
void piece_cache_put(const piece_place *place, const int32_t *ids, size_t count);

#endif
