#include "scheduler/result_cache.h"

#include "base/memory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define SHARDS 16
/* One bucket per this many bytes of a shard: about one per entry, whose vector alone is mostly larger. */
#define BYTES_PER_BUCKET 2048
/* An entry must leave room for several others in its shard. */
#define LARGEST_PART 4

struct cache_entry {
    uint64_t hash;
    cache_entry *next_in_bucket;
    cache_entry *newer, *older; /* in the queue of the shard */
    size_t text_length, bytes;
    uint64_t check; /* number of the last check that began before it was inserted */
    aki_text_info info;
    aki_pooling pooling;
    aki_switch normalize;
    bool visited;
    float vector[]; /* [dimension], and behind it the text */
};

typedef struct shard {
    pthread_mutex_t lock;
    cache_entry **buckets; /* [buckets_count] */
    cache_entry *newest, *oldest;
    cache_entry *hand; /* where the search for a victim goes on; NULL = at the oldest */
    result_cache_stats stats;
} shard;

struct result_cache {
    size_t dimension, shard_bytes;
    size_t buckets_count;        /* a power of two */
    _Atomic uint64_t check;      /* number of the last check that began */
    _Atomic uint64_t vouched;    /* entries with a smaller number are known to be right */
    _Atomic uint64_t generation; /* calls of result_cache_drop */
    shard shards[SHARDS];
};

static const char *text_of(const cache_entry *entry, size_t dimension)
{
    return (const char *)(entry->vector + dimension);
}

static uint64_t hash_of(const cache_key *key)
{
    uint64_t options = (uint64_t)key->pooling * 4 + (uint64_t)key->normalize;
    return key->hash ^ (options * UINT64_C(0x9E3779B97F4A7C15));
}

/* The top bits choose the shard, the low ones the bucket. */
static shard *shard_of(result_cache *cache, uint64_t hash)
{
    return &cache->shards[hash >> 60];
}

static cache_entry **bucket_of(const result_cache *cache, const shard *s, uint64_t hash)
{
    return &s->buckets[hash & (cache->buckets_count - 1)];
}

result_cache *result_cache_open(size_t max_bytes, size_t dimension)
{
    result_cache *cache = mem_zalloc(1, sizeof *cache);
    if (cache == NULL)
        return NULL;
    cache->dimension = dimension;
    cache->shard_bytes = max_bytes / SHARDS;
    cache->buckets_count = 1;
    while (cache->buckets_count < cache->shard_bytes / BYTES_PER_BUCKET)
        cache->buckets_count *= 2;
    bool complete = true;
    for (size_t i = 0; i < SHARDS; i++) {
        shard *s = &cache->shards[i];
        pthread_mutex_init(&s->lock, NULL);
        s->buckets = mem_zalloc(cache->buckets_count, sizeof(cache_entry *));
        s->stats.bytes = cache->buckets_count * sizeof(cache_entry *);
        complete = complete && s->buckets != NULL;
    }
    if (complete)
        return cache;
    result_cache_close(cache);
    return NULL;
}

void result_cache_close(result_cache *cache)
{
    if (cache == NULL)
        return;
    for (size_t i = 0; i < SHARDS; i++) {
        shard *s = &cache->shards[i];
        for (cache_entry *entry = s->newest, *older; entry != NULL; entry = older) {
            older = entry->older;
            mem_free(entry);
        }
        mem_free(s->buckets);
        pthread_mutex_destroy(&s->lock);
    }
    mem_free(cache);
}

static cache_entry *find(const result_cache *cache, const shard *s, uint64_t hash, aki_text text,
                         aki_pooling pooling, aki_switch normalize)
{
    cache_entry *entry = *bucket_of(cache, s, hash);
    while (entry != NULL && (entry->hash != hash || entry->pooling != pooling ||
                             entry->normalize != normalize || entry->text_length != text.length ||
                             memcmp(text_of(entry, cache->dimension), text.data, text.length) != 0))
        entry = entry->next_in_bucket;
    return entry;
}

bool result_cache_find(result_cache *cache, const cache_key *key, bool refuse_long, float *vector,
                       aki_text_info *info)
{
    uint64_t hash = hash_of(key);
    shard *s = shard_of(cache, hash);
    pthread_mutex_lock(&s->lock);
    cache_entry *entry = find(cache, s, hash, key->text, key->pooling, key->normalize);
    bool found = entry != NULL && !(refuse_long && entry->info.truncated);
    if (found) {
        entry->visited = true;
        memcpy(vector, entry->vector, cache->dimension * sizeof *vector);
        *info = entry->info;
        s->stats.hits++;
    } else {
        s->stats.misses++;
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}

bool result_cache_recall(result_cache *cache, const cache_entry *entry, float *vector)
{
    shard *s = shard_of(cache, entry->hash);
    const aki_text text = {text_of(entry, cache->dimension), entry->text_length};
    pthread_mutex_lock(&s->lock);
    cache_entry *kept = find(cache, s, entry->hash, text, entry->pooling, entry->normalize);
    if (kept != NULL) {
        kept->visited = true;
        memcpy(vector, kept->vector, cache->dimension * sizeof *vector);
    }
    pthread_mutex_unlock(&s->lock);
    return kept != NULL;
}

cache_entry *result_cache_prepare(const result_cache *cache, const cache_key *key, aki_text_info info)
{
    size_t bytes;
    if (!size_add(sizeof(cache_entry) + cache->dimension * sizeof(float), key->text.length, &bytes) ||
        bytes > cache->shard_bytes / LARGEST_PART)
        return NULL;
    cache_entry *entry = mem_alloc(1, bytes);
    if (entry == NULL)
        return NULL;
    *entry = (cache_entry){.hash = hash_of(key),
                           .text_length = key->text.length,
                           .bytes = bytes,
                           .info = info,
                           .pooling = key->pooling,
                           .normalize = key->normalize};
    memcpy(entry->vector + cache->dimension, key->text.data, key->text.length);
    return entry;
}

size_t cache_entry_bytes(const cache_entry *entry)
{
    return entry != NULL ? entry->bytes : 0;
}

static void unlink_entry(const result_cache *cache, shard *s, cache_entry *entry)
{
    cache_entry **link = bucket_of(cache, s, entry->hash);
    while (*link != entry)
        link = &(*link)->next_in_bucket;
    *link = entry->next_in_bucket;
    if (entry->newer != NULL)
        entry->newer->older = entry->older;
    else
        s->newest = entry->older;
    if (entry->older != NULL)
        entry->older->newer = entry->newer;
    else
        s->oldest = entry->newer;
    s->stats.bytes -= entry->bytes;
    s->stats.entries--;
}

static void evict_one(const result_cache *cache, shard *s)
{
    cache_entry *entry = s->hand != NULL ? s->hand : s->oldest;
    while (entry->visited) {
        entry->visited = false;
        entry = entry->newer != NULL ? entry->newer : s->oldest;
    }
    s->hand = entry->newer;
    unlink_entry(cache, s, entry);
    s->stats.evictions++;
    mem_free(entry);
}

uint64_t result_cache_generation(result_cache *cache)
{
    return atomic_load(&cache->generation);
}

void result_cache_insert(result_cache *cache, cache_entry *entry, const float *vector, uint64_t generation)
{
    memcpy(entry->vector, vector, cache->dimension * sizeof *vector);
    shard *s = shard_of(cache, entry->hash);
    aki_text text = {text_of(entry, cache->dimension), entry->text_length};
    pthread_mutex_lock(&s->lock);
    /* Under the lock: result_cache_drop first raises the generation and then locks each shard in turn. */
    const bool keep = atomic_load(&cache->generation) == generation &&
                      find(cache, s, entry->hash, text, entry->pooling, entry->normalize) == NULL;
    if (keep) {
        entry->check = atomic_load(&cache->check);
        while (s->oldest != NULL && s->stats.bytes + entry->bytes > cache->shard_bytes)
            evict_one(cache, s);
        cache_entry **bucket = bucket_of(cache, s, entry->hash);
        entry->next_in_bucket = *bucket;
        *bucket = entry;
        entry->older = s->newest;
        if (s->newest != NULL)
            s->newest->newer = entry;
        else
            s->oldest = entry;
        s->newest = entry;
        s->stats.bytes += entry->bytes;
        s->stats.entries++;
        s->stats.insertions++;
    }
    pthread_mutex_unlock(&s->lock);
    if (!keep)
        result_cache_discard(entry);
}

void result_cache_discard(cache_entry *entry)
{
    mem_free(entry);
}

uint64_t result_cache_begin_check(result_cache *cache)
{
    return atomic_fetch_add(&cache->check, 1) + 1;
}

void result_cache_vouch(result_cache *cache, uint64_t check)
{
    atomic_store(&cache->vouched, check);
}

static size_t drop_from(result_cache *cache, shard *s, uint64_t vouched)
{
    size_t dropped = 0;
    for (cache_entry *entry = s->newest, *older; entry != NULL; entry = older) {
        older = entry->older;
        if (entry->check < vouched)
            continue;
        if (s->hand == entry)
            s->hand = entry->newer;
        unlink_entry(cache, s, entry);
        mem_free(entry);
        dropped++;
    }
    s->stats.dropped += dropped;
    return dropped;
}

size_t result_cache_drop(result_cache *cache)
{
    const uint64_t vouched = atomic_load(&cache->vouched);
    size_t dropped = 0;
    atomic_fetch_add(&cache->generation, 1);
    for (size_t i = 0; i < SHARDS; i++) {
        shard *s = &cache->shards[i];
        pthread_mutex_lock(&s->lock);
        dropped += drop_from(cache, s, vouched);
        pthread_mutex_unlock(&s->lock);
    }
    return dropped;
}

void result_cache_read_stats(result_cache *cache, result_cache_stats *stats)
{
    *stats = (result_cache_stats){0};
    for (size_t i = 0; i < SHARDS; i++) {
        shard *s = &cache->shards[i];
        pthread_mutex_lock(&s->lock);
        stats->hits += s->stats.hits;
        stats->misses += s->stats.misses;
        stats->insertions += s->stats.insertions;
        stats->evictions += s->stats.evictions;
        stats->dropped += s->stats.dropped;
        stats->entries += s->stats.entries;
        stats->bytes += s->stats.bytes;
        pthread_mutex_unlock(&s->lock);
    }
}
