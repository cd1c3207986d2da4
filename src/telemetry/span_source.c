#include "telemetry/span_source.h"

#include "base/clock.h"
#include "base/memory.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>

/* The source that the calling thread used last: pthread_getspecific takes longer than all else that an unsampled request costs. The serial
 * tells apart sources that were closed from later ones at the same address. */
static _Thread_local struct {
    uint64_t serial; /* 0 = none */
    span_source *source;
} mine;

/* At the end of a thread: its source is free for the next one. */
static void give_back(void *value)
{
    span_source *source = value;
    mine.serial = 0;
    pthread_mutex_lock(&source->owner->lock);
    source->taken = false;
    pthread_mutex_unlock(&source->owner->lock);
}

static _Atomic(uint64_t) last_serial;

bool span_sources_open(span_sources *sources, size_t max_spans, uint32_t max_attributes, uint32_t max_text)
{
    memset(sources, 0, sizeof *sources);
    sources->max_spans = max_spans;
    sources->max_attributes = max_attributes;
    sources->max_text = max_text;
    if (pthread_key_create(&sources->key, give_back) != 0)
        return false;
    pthread_mutex_init(&sources->lock, NULL);
    sources->serial = atomic_fetch_add(&last_serial, 1) + 1;
    sources->open = true;
    return true;
}

void span_sources_close(span_sources *sources)
{
    if (!sources->open)
        return;
    pthread_key_delete(sources->key);
    while (sources->first != NULL) {
        span_source *next = sources->first->next;
        span_ring_close(&sources->first->ring);
        mem_free(sources->first);
        sources->first = next;
    }
    pthread_mutex_destroy(&sources->lock);
    sources->open = false;
}

static void seed(span_source *source)
{
    if (getrandom(&source->random, sizeof source->random, 0) == (ssize_t)sizeof source->random)
        return;
    /* A system without randomness: ids differ still between moments and threads. */
    const uint64_t words[4] = {(uint64_t)clock_wall_ns(), (uint64_t)clock_monotonic_ns(), (uintptr_t)source,
                               1};
    memcpy(source->random.state, words, sizeof words);
}

static span_source *make(span_sources *sources)
{
    span_source *source = mem_zalloc_aligned(1, sizeof *source);
    if (source == NULL)
        return NULL;
    source->owner = sources;
    seed(source);
    if (span_ring_open(&source->ring, sources->max_spans, sources->max_attributes, sources->max_text))
        return source;
    mem_free(source);
    return NULL;
}

/* One that nobody uses any more, or a new one. */
static span_source *take(span_sources *sources)
{
    pthread_mutex_lock(&sources->lock);
    span_source *source = sources->first;
    while (source != NULL && source->taken)
        source = source->next;
    if (source == NULL && (source = make(sources)) != NULL) {
        source->next = sources->first;
        sources->first = source;
    }
    if (source != NULL)
        source->taken = true;
    pthread_mutex_unlock(&sources->lock);
    return source;
}

static span_source *find_mine(span_sources *sources)
{
    span_source *source = pthread_getspecific(sources->key);
    if (source == NULL) {
        source = take(sources);
        if (source != NULL && pthread_setspecific(sources->key, source) != 0) {
            give_back(source);
            source = NULL;
        }
    }
    mine.serial = source != NULL ? sources->serial : 0;
    mine.source = source;
    return source;
}

span_source *span_source_mine(span_sources *sources)
{
    return mine.serial == sources->serial ? mine.source : find_mine(sources);
}

span_source *span_sources_first(span_sources *sources)
{
    pthread_mutex_lock(&sources->lock);
    span_source *first = sources->first;
    pthread_mutex_unlock(&sources->lock);
    return first;
}
