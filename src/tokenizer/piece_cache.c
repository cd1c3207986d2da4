#include "tokenizer/piece_cache.h"

#include "base/memory.h"

const uint8_t piece_cache_mask[2 * PIECE_CACHE_ROOM] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                                        0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                                        0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};

bool piece_cache_start(piece_cache *cache, uint64_t model)
{
    if (cache->entries == NULL)
        cache->entries = mem_alloc_aligned(PIECE_CACHE_ENTRIES, sizeof *cache->entries);
    if (cache->entries == NULL)
        return false;
    memset(cache->entries, 0, PIECE_CACHE_ENTRIES * sizeof *cache->entries);
    cache->model = model;
    return true;
}

void piece_cache_free(piece_cache *cache)
{
    mem_free(cache->entries);
    *cache = (piece_cache){0};
}

void piece_cache_put(const piece_place *place, const int32_t *ids, size_t count)
{
    piece_cached *entry = place->entry;
    if (count > PIECE_CACHE_IDS)
        return;
    memcpy(entry->key, place->key, sizeof entry->key);
    entry->key[2] |= (uint64_t)count << PIECE_CACHE_COUNT_SHIFT;
    memcpy(entry->ids, ids, count * sizeof *ids);
}
