/* A cache from short pieces of text to the ids that a model made of them, for models whose result depends on the piece
 * alone. Direct-mapped: a piece takes the place of the one before it. One per thread, for any number of models, one after
 * another. */
#ifndef TOKENIZER_PIECE_CACHE_H
#define TOKENIZER_PIECE_CACHE_H

#include "tokenizer/word_splitter.h"

/* A piece of 1 to PIECE_CACHE_TEXT bytes that became up to PIECE_CACHE_IDS tokens: a cache line. */
#define PIECE_CACHE_TEXT 22
#define PIECE_CACHE_IDS 10
#define PIECE_CACHE_ENTRIES ((size_t)4096)

typedef struct piece_cached {
    uint8_t length; /* 0 = free */
    uint8_t count;
    char text[PIECE_CACHE_TEXT]; /* zeros behind */
    int32_t ids[PIECE_CACHE_IDS];
} piece_cached;

/* A zeroed one is ready for use. */
typedef struct piece_cache {
    piece_cached *entries; /* [PIECE_CACHE_ENTRIES], or NULL */
    uint64_t model;        /* fingerprint of the model that they are of */
} piece_cache;

/* Makes room, and empties the cache where the entries are of another model. False = out of memory. */
bool piece_cache_ready(piece_cache *cache, uint64_t model);
/* A zeroed one is allowed. */
void piece_cache_free(piece_cache *cache);

/* Where a piece of 1 to PIECE_CACHE_TEXT bytes goes, and its text with zeros behind. */
typedef struct piece_place {
    piece_cached *entry;
    char text[PIECE_CACHE_TEXT];
    uint8_t length;
} piece_place;

static inline piece_place piece_cache_find(const piece_cache *cache, const char *text, size_t length)
{
    piece_place place = {.length = (uint8_t)length};
    uint64_t part[3] = {0};
    memcpy(part, text, length);
    memcpy(place.text, part, PIECE_CACHE_TEXT);
    uint64_t hash = (part[0] ^ part[1] * UINT64_C(0xD6E8FEB86659FD93)) * UINT64_C(0x9E3779B97F4A7C15);
    hash = (hash ^ hash >> 32 ^ part[2]) * UINT64_C(0xD6E8FEB86659FD93);
    place.entry = &cache->entries[hash >> 32 & (PIECE_CACHE_ENTRIES - 1)];
    return place;
}

/* Appends the ids of the piece and returns true, or returns false where they are not known. out: has room for
 * PIECE_CACHE_IDS more. */
static inline bool piece_cache_get(const piece_place *place, id_list *out)
{
    const piece_cached *entry = place->entry;
    if (entry->length != place->length || memcmp(entry->text, place->text, PIECE_CACHE_TEXT) != 0)
        return false;
    memcpy(out->ids + out->count, entry->ids, sizeof entry->ids);
    out->count += entry->count;
    return true;
}

/* Keeps ids[0..count), unless they are too many. */
void piece_cache_put(const piece_place *place, const int32_t *ids, size_t count);

#endif
