/* The registry's tables, filled by metrics.c and read by the text formats. */
#ifndef TELEMETRY_METRICS_INTERNAL_H
#define TELEMETRY_METRICS_INTERNAL_H

#include "base/buf.h"
#include "telemetry/metrics.h"

#include <pthread.h>
#include <stdatomic.h>

/* Words of an exemplar: value, wall clock in ns (0 = none), trace id, span id. */
#define EXEMPLAR_WORDS 5

/* A series takes one word, or for a histogram one per bucket (+Inf last), the sum and an exemplar per bucket. Sums and
 * exemplar values are the bits of doubles. */
typedef _Atomic uint64_t metric_word;

struct metric_shard {
    metrics *owner;
    metric_shard *next;
    bool taken;                        /* owner's lock */
    _Alignas(64) metric_word sequence; /* odd while an observation is being written */
    metric_word words[];               /* [owner->words] */
};

struct metrics {
    pthread_mutex_t lock;
    pthread_key_t key; /* the calling thread's shard */
    metric_shard *shards;
    metric_names domains[METRIC_DOMAINS]; /* own copies */
    size_t first_word[METRIC_TOTAL];      /* of recorded metrics */
    size_t series_words[METRIC_TOTAL];
    size_t words, longest_series;
    struct {
        metric_reader read;
        void *cookie;
    } readers[METRIC_TOTAL];
    buf info[METRIC_TOTAL]; /* rendered labels of METRIC_INFO; under the lock */
};

/* Sums over all shards, as words; free with mem_free. NULL when out of memory. */
uint64_t *metrics_collect(metrics *m);

/* Appends name="value" with the value escaped. */
bool metrics_write_label(buf *out, const char *name, const char *value);

/* The text of a label's value; NULL = it has no name yet. */
const char *metrics_label_text(const metrics *m, const metric_label *label, size_t value);
/* False while a label of the series has no name. */
bool metrics_has_series(const metrics *m, const metric *row, size_t series);

static inline double metric_double(uint64_t bits)
{
    double value;
    __builtin_memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint64_t metric_bits(double value)
{
    uint64_t bits;
    __builtin_memcpy(&bits, &value, sizeof bits);
    return bits;
}

#endif
