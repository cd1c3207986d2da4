#include "engine/prefix_cache.h"

#include <pthread.h>
#include <string.h>

#include "base/memory.h"

/* Texts whose beginnings are remembered, so that callers with several instructions in turn are seen through. */
#define RECENT_TEXTS 32
/* So that one long beginning does not push out all others. */
#define LARGEST_PART 2

typedef struct kept_entry kept_entry;

struct kept_entry {
    prefix_entry entry; /* first: callers have a pointer to it */
    kept_entry *next;
    uint64_t used; /* number of the last use */
    unsigned users;
    bool listed; /* can be found; else it goes with its last user */
    size_t bytes;
    int32_t ids[];
};

typedef struct recent_text {
    size_t count; /* of the text; 0 = none */
    int32_t *ids; /* [PREFIX_MOST_TOKENS]: its first ones */
} recent_text;

struct prefix_cache {
    size_t limit_bytes, most_tokens;
    size_t layers, row_bytes; /* of a token's row in each layer */
    pthread_mutex_t lock;     /* of all below */
    kept_entry *first;        /* of the listed ones */
    uint64_t uses;
    prefix_cache_stats stats;
    recent_text recent[RECENT_TEXTS];
    size_t next_recent;
    int32_t *recent_ids; /* [RECENT_TEXTS][PREFIX_MOST_TOKENS] */
};

static size_t at_most(size_t n, size_t most)
{
    return n < most ? n : most;
}

static size_t common(const int32_t *a, const int32_t *b, size_t count)
{
    size_t same = 0;
    while (same < count && a[same] == b[same])
        same++;
    return same;
}

prefix_cache *prefix_cache_open(size_t limit_bytes, size_t layers, size_t row_bytes)
{
    prefix_cache *cache = mem_zalloc(1, sizeof *cache);
    int32_t *ids = mem_zalloc(RECENT_TEXTS * PREFIX_MOST_TOKENS, sizeof *ids);
    if (cache == NULL || ids == NULL) {
        mem_free(cache);
        mem_free(ids);
        return NULL;
    }
    cache->limit_bytes = limit_bytes;
    cache->layers = layers;
    cache->row_bytes = row_bytes;
    cache->most_tokens =
        at_most(limit_bytes / LARGEST_PART / (layers * row_bytes + sizeof *ids), PREFIX_MOST_TOKENS);
    cache->recent_ids = ids;
    for (size_t i = 0; i < RECENT_TEXTS; i++)
        cache->recent[i].ids = ids + i * PREFIX_MOST_TOKENS;
    pthread_mutex_init(&cache->lock, NULL);
    return cache;
}

static void free_entry(prefix_cache *cache, kept_entry *kept)
{
    cache->stats.bytes -= kept->bytes;
    cache->stats.entries--;
    mem_free(kept->entry.rows);
    mem_free(kept);
}

/* Lock held. It can be found no more, and goes unless it is in use. */
static void unlist(prefix_cache *cache, kept_entry **at)
{
    kept_entry *kept = *at;
    *at = kept->next;
    kept->listed = false;
    if (kept->users == 0)
        free_entry(cache, kept);
}

void prefix_cache_close(prefix_cache *cache)
{
    if (cache == NULL)
        return;
    while (cache->first != NULL)
        unlist(cache, &cache->first);
    pthread_mutex_destroy(&cache->lock);
    mem_free(cache->recent_ids);
    mem_free(cache);
}

/* Lock held. The entry with the most of the text's first tokens, at most `most`. */
static kept_entry *find_best(const prefix_cache *cache, const int32_t *ids, size_t most, size_t *tokens)
{
    kept_entry *best = NULL;
    *tokens = 0;
    for (kept_entry *kept = cache->first; kept != NULL; kept = kept->next) {
        const size_t same = common(kept->ids, ids, at_most(kept->entry.tokens, most));
        if (same > *tokens) {
            *tokens = same;
            best = kept;
        }
    }
    if (*tokens >= PREFIX_LEAST_TOKENS)
        return best;
    *tokens = 0;
    return NULL;
}

size_t prefix_cache_find(prefix_cache *cache, const int32_t *ids, size_t count, prefix_entry **entry)
{
    size_t tokens;
    pthread_mutex_lock(&cache->lock);
    kept_entry *best = find_best(cache, ids, count - 1, &tokens);
    if (best != NULL) {
        best->users++;
        best->used = ++cache->uses;
    }
    pthread_mutex_unlock(&cache->lock);
    *entry = best != NULL ? &best->entry : NULL;
    return tokens;
}

void prefix_cache_release(prefix_cache *cache, prefix_entry *entry)
{
    kept_entry *kept = (kept_entry *)(void *)entry;
    if (kept == NULL)
        return;
    pthread_mutex_lock(&cache->lock);
    if (--kept->users == 0 && !kept->listed)
        free_entry(cache, kept);
    pthread_mutex_unlock(&cache->lock);
}

void prefix_cache_count(prefix_cache *cache, size_t tokens)
{
    pthread_mutex_lock(&cache->lock);
    cache->stats.hits += tokens > 0;
    cache->stats.misses += tokens == 0;
    cache->stats.saved_tokens += tokens;
    pthread_mutex_unlock(&cache->lock);
}

/* Lock held. A text that comes again is no beginning that texts share: the result cache is for these. */
static size_t shared_with_recent(const prefix_cache *cache, const int32_t *ids, size_t count, bool *known)
{
    const size_t most = at_most(count, PREFIX_MOST_TOKENS);
    size_t best = 0;
    *known = false;
    for (size_t i = 0; i < RECENT_TEXTS; i++) {
        const recent_text *text = &cache->recent[i];
        const size_t same = common(text->ids, ids, at_most(text->count, most));
        if (text->count == count && same == most)
            *known = true;
        else if (same > best)
            best = same;
    }
    return best;
}

size_t prefix_cache_note(prefix_cache *cache, const int32_t *ids, size_t count)
{
    bool known;
    size_t kept;
    pthread_mutex_lock(&cache->lock);
    const size_t most = at_most(count - 1, cache->most_tokens);
    const size_t shared = at_most(shared_with_recent(cache, ids, count, &known), most);
    find_best(cache, ids, most, &kept);
    if (!known) {
        recent_text *text = &cache->recent[cache->next_recent++ % RECENT_TEXTS];
        text->count = count;
        memcpy(text->ids, ids, at_most(count, PREFIX_MOST_TOKENS) * sizeof *ids);
    }
    pthread_mutex_unlock(&cache->lock);
    return shared >= kept + PREFIX_LEAST_TOKENS ? shared : 0;
}

/* Lock held. False where those in use leave no room. */
static bool make_room(prefix_cache *cache, size_t bytes)
{
    while (cache->stats.bytes > cache->limit_bytes - bytes) {
        kept_entry **oldest = NULL;
        for (kept_entry **at = &cache->first; *at != NULL; at = &(*at)->next)
            if ((*at)->users == 0 && (oldest == NULL || (*at)->used < (*oldest)->used))
                oldest = at;
        if (oldest == NULL)
            return false;
        unlist(cache, oldest);
    }
    return true;
}

/* The first rows of each layer. */
static void copy_rows(const prefix_cache *cache, prefix_entry *to, const prefix_entry *from, size_t tokens)
{
    const size_t row = cache->row_bytes;
    for (size_t l = 0; l < cache->layers; l++)
        memcpy(to->rows + l * to->tokens * row, from->rows + l * from->tokens * row, tokens * row);
}

prefix_entry *prefix_cache_make(prefix_cache *cache, const int32_t *ids, size_t tokens, size_t *filled)
{
    const size_t rows_bytes = tokens * cache->layers * cache->row_bytes,
                 bytes = rows_bytes + tokens * sizeof *ids;
    prefix_entry *from;
    *filled = 0;
    if (tokens == 0 || tokens > cache->most_tokens)
        return NULL;
    const size_t known = prefix_cache_find(cache, ids, tokens, &from);
    pthread_mutex_lock(&cache->lock);
    const bool fits = make_room(cache, bytes);
    if (fits) {
        cache->stats.bytes += bytes;
        cache->stats.entries++;
    }
    pthread_mutex_unlock(&cache->lock);
    kept_entry *kept = fits ? mem_zalloc(1, sizeof *kept + tokens * sizeof *ids) : NULL;
    unsigned char *rows = kept != NULL ? mem_alloc_aligned(rows_bytes, 1) : NULL;
    if (rows == NULL) {
        pthread_mutex_lock(&cache->lock);
        if (fits) {
            cache->stats.bytes -= bytes;
            cache->stats.entries--;
        }
        pthread_mutex_unlock(&cache->lock);
        prefix_cache_release(cache, from);
        mem_free(kept);
        return NULL;
    }
    memcpy(kept->ids, ids, tokens * sizeof *ids);
    kept->entry = (prefix_entry){.rows = rows, .tokens = tokens, .ids = kept->ids};
    kept->bytes = bytes;
    kept->users = 1;
    if (from != NULL)
        copy_rows(cache, &kept->entry, from, known);
    *filled = known;
    prefix_cache_release(cache, from);
    return &kept->entry;
}

void prefix_cache_keep(prefix_cache *cache, prefix_entry *entry)
{
    kept_entry *kept = (kept_entry *)(void *)entry;
    size_t known;
    pthread_mutex_lock(&cache->lock);
    find_best(cache, kept->ids, entry->tokens, &known);
    cache->stats.computed++;
    if (known < entry->tokens) {
        for (kept_entry **at = &cache->first; *at != NULL;) {
            const size_t tokens = (*at)->entry.tokens;
            if (tokens <= entry->tokens && common((*at)->ids, kept->ids, tokens) == tokens)
                unlist(cache, at);
            else
                at = &(*at)->next;
        }
        kept->used = ++cache->uses;
        kept->listed = true;
        kept->next = cache->first;
        cache->first = kept;
    }
    pthread_mutex_unlock(&cache->lock);
}

void prefix_cache_read_stats(prefix_cache *cache, prefix_cache_stats *stats)
{
    *stats = (prefix_cache_stats){0};
    if (cache == NULL)
        return;
    pthread_mutex_lock(&cache->lock);
    *stats = cache->stats;
    pthread_mutex_unlock(&cache->lock);
}
