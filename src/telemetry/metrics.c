#include "telemetry/metrics_internal.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"

#include <math.h>
#include <string.h>

/* A reader that meets a writer this often sleeps: the writer may have lost its CPU in the middle of an observation. */
#define READS_AWAKE 100
#define READER_SLEEP_NS 100000
#define MAX_INFO_BYTES ((size_t)16 << 10)

/* At the end of a thread: its shard is free for the next one. */
static void give_shard(void *value)
{
    metric_shard *shard = value;
    metrics *m = shard->owner;
    pthread_mutex_lock(&m->lock);
    shard->taken = false;
    pthread_mutex_unlock(&m->lock);
}

static void lay_out(metrics *m)
{
    for (size_t id = 0; id < METRIC_TOTAL; id++) {
        const metric *row = &metric_table[id];
        if (row->source == METRIC_READ || row->kind == METRIC_INFO)
            continue;
        const size_t buckets = row->bound_count + 1;
        m->first_word[id] = m->words;
        m->series_words[id] = row->kind == METRIC_HISTOGRAM ? buckets * (1 + EXEMPLAR_WORDS) + 1 : 1;
        m->words += m->series_words[id] * metric_series(row, m->domains);
        if (m->series_words[id] > m->longest_series)
            m->longest_series = m->series_words[id];
    }
}

/* On failure `to` holds the rows that were copied before it. */
static bool copy_names(metric_names *to, const metric_names *from)
{
    char **names = mem_zalloc(from->count, sizeof *names);
    if (names == NULL)
        return false;
    to->names = (const char *const *)names;
    for (; to->count < from->count; to->count++) {
        if (from->names[to->count] == NULL)
            continue;
        names[to->count] = mem_copy_string(from->names[to->count]);
        if (names[to->count] == NULL)
            return false;
    }
    return true;
}

const char *metrics_label_text(const metrics *m, const metric_label *label, size_t value)
{
    return label->values != NULL ? label->values[value]
                                 : __atomic_load_n(m->domains[label->domain].names + value, __ATOMIC_ACQUIRE);
}

bool metrics_has_series(const metrics *m, const metric *row, size_t series)
{
    for (size_t i = METRIC_MAX_LABELS; i-- > 0;) {
        if (row->labels[i] == NULL)
            continue;
        const size_t count = metric_label_values(row->labels[i], m->domains);
        if (metrics_label_text(m, row->labels[i], series % count) == NULL)
            return false;
        series /= count;
    }
    return true;
}

void metrics_set_name(metrics *m, metric_domain domain, size_t index, const char *name)
{
    const metric_names *names = &m->domains[domain];
    pthread_mutex_lock(&m->lock);
    if (index < names->count && names->names[index] == NULL)
        __atomic_store_n((const char **)names->names + index, mem_copy_string(name), __ATOMIC_RELEASE);
    pthread_mutex_unlock(&m->lock);
}

static void free_names(metric_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        mem_free((void *)names->names[i]);
    mem_free((void *)names->names);
}

aki_status metrics_open(metrics **out, const metric_names *domains, aki_error *error)
{
    *out = NULL;
    metrics *m = mem_zalloc(1, sizeof *m);
    if (m == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for metrics");
    if (pthread_key_create(&m->key, give_shard) != 0) {
        mem_free(m);
        return error_set(error, AKI_OUT_OF_MEMORY, "no thread key left for metrics");
    }
    pthread_mutex_init(&m->lock, NULL);
    for (size_t id = 0; id < METRIC_TOTAL; id++)
        buf_init(&m->info[id], MAX_INFO_BYTES);
    bool whole = true;
    for (size_t d = 0; d < METRIC_DOMAINS && whole; d++)
        whole = copy_names(&m->domains[d], &domains[d]);
    if (!whole) {
        metrics_close(m);
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for metrics");
    }
    lay_out(m);
    *out = m;
    return AKI_OK;
}

void metrics_close(metrics *m)
{
    if (m == NULL)
        return;
    pthread_key_delete(m->key);
    while (m->shards != NULL) {
        metric_shard *next = m->shards->next;
        mem_free(m->shards);
        m->shards = next;
    }
    for (size_t id = 0; id < METRIC_TOTAL; id++)
        buf_free(&m->info[id]);
    for (size_t d = 0; d < METRIC_DOMAINS; d++)
        free_names(&m->domains[d]);
    pthread_mutex_destroy(&m->lock);
    mem_free(m);
}

/* One that nobody uses any more, or a new one. */
static metric_shard *take_shard(metrics *m)
{
    pthread_mutex_lock(&m->lock);
    metric_shard *shard = m->shards;
    while (shard != NULL && shard->taken)
        shard = shard->next;
    if (shard == NULL) {
        const size_t bytes = sizeof *shard + m->words * sizeof(metric_word);
        shard = mem_zalloc_aligned(bytes, 1);
        if (shard != NULL) {
            shard->owner = m;
            shard->next = m->shards;
            m->shards = shard;
        }
    }
    if (shard != NULL)
        shard->taken = true;
    pthread_mutex_unlock(&m->lock);
    return shard;
}

metric_shard *metrics_shard(metrics *m)
{
    metric_shard *shard = pthread_getspecific(m->key);
    if (shard != NULL)
        return shard;
    shard = take_shard(m);
    if (shard != NULL && pthread_setspecific(m->key, shard) != 0) {
        give_shard(shard);
        shard = NULL;
    }
    return shard;
}

/* Words have one writer: a load and a store do. */
static inline void word_add(metric_word *word, uint64_t count, memory_order order)
{
    atomic_store_explicit(word, atomic_load_explicit(word, memory_order_relaxed) + count, order);
}

void metrics_add(metric_shard *shard, metric_id id, size_t series, uint64_t count)
{
    if (shard != NULL)
        word_add(&shard->words[shard->owner->first_word[id] + series], count, memory_order_relaxed);
}

void metrics_change(metric_shard *shard, metric_id id, size_t series, int64_t change)
{
    metrics_add(shard, id, series, (uint64_t)change);
}

static void put_exemplar(metric_word *words, double value, const metric_exemplar *exemplar)
{
    uint64_t copy[EXEMPLAR_WORDS] = {metric_bits(value), (uint64_t)clock_wall_ns()};
    memcpy(copy + 2, exemplar->trace_id, sizeof exemplar->trace_id);
    memcpy(copy + 4, exemplar->span_id, sizeof exemplar->span_id);
    for (size_t i = 0; i < EXEMPLAR_WORDS; i++)
        atomic_store_explicit(&words[i], copy[i], memory_order_release);
}

void metrics_observe(metric_shard *shard, metric_id id, size_t series, double value,
                     const metric_exemplar *exemplar)
{
    if (shard == NULL || isnan(value))
        return;
    const metric *row = &metric_table[id];
    size_t bucket = 0;
    while (bucket < row->bound_count && value > row->bounds[bucket])
        bucket++;
    const metrics *m = shard->owner;
    metric_word *words = shard->words + m->first_word[id] + series * m->series_words[id];
    metric_word *sum = words + row->bound_count + 1;
    /* Release stores: who reads one of these words with acquire sees the odd sequence number too. */
    word_add(&shard->sequence, 1, memory_order_relaxed);
    word_add(&words[bucket], 1, memory_order_release);
    atomic_store_explicit(sum,
                          metric_bits(metric_double(atomic_load_explicit(sum, memory_order_relaxed)) + value),
                          memory_order_release);
    if (exemplar != NULL)
        put_exemplar(sum + 1 + bucket * EXEMPLAR_WORDS, value, exemplar);
    word_add(&shard->sequence, 1, memory_order_release);
}

void metrics_read_by(metrics *m, metric_id id, metric_reader read, void *cookie)
{
    m->readers[id].read = read;
    m->readers[id].cookie = cookie;
}

bool metrics_write_label(buf *out, const char *name, const char *value)
{
    buf_append_string(out, name);
    buf_append_string(out, "=\"");
    for (const char *c = value; *c != '\0'; c++) {
        if (*c == '\n')
            buf_append_string(out, "\\n");
        else if (*c == '"' || *c == '\\')
            buf_printf(out, "\\%c", *c);
        else
            buf_append_char(out, *c);
    }
    return buf_append_char(out, '"');
}

aki_status metrics_set_info(metrics *m, metric_id id, const char *const *labels, aki_error *error)
{
    buf text;
    buf_init(&text, MAX_INFO_BYTES);
    for (size_t i = 0; labels[i] != NULL; i += 2) {
        if (i > 0)
            buf_append_char(&text, ',');
        metrics_write_label(&text, labels[i], labels[i + 1]);
    }
    if (text.failed) {
        buf_free(&text);
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for metrics");
    }
    pthread_mutex_lock(&m->lock);
    buf old = m->info[id];
    m->info[id] = text;
    pthread_mutex_unlock(&m->lock);
    buf_free(&old);
    return AKI_OK;
}

/* A consistent copy of a histogram; waits for the end of an observation that is being written. */
static void read_histogram(const metric_shard *shard, size_t first, uint64_t *words, size_t count)
{
    for (int reads = 1;; reads++) {
        uint64_t before = atomic_load_explicit(&shard->sequence, memory_order_acquire);
        for (size_t i = 0; i < count; i++)
            words[i] = atomic_load_explicit(&shard->words[first + i], memory_order_acquire);
        if (before % 2 == 0 && atomic_load_explicit(&shard->sequence, memory_order_relaxed) == before)
            return;
        if (reads % READS_AWAKE == 0)
            nanosleep(&(struct timespec){.tv_nsec = READER_SLEEP_NS}, NULL);
    }
}

static void add_histogram(const metric *row, const uint64_t *from, uint64_t *to)
{
    const size_t buckets = row->bound_count + 1;
    for (size_t i = 0; i < buckets; i++)
        to[i] += from[i];
    to[buckets] = metric_bits(metric_double(to[buckets]) + metric_double(from[buckets]));
    for (size_t i = 0; i < buckets; i++) {
        const uint64_t *theirs = from + buckets + 1 + i * EXEMPLAR_WORDS;
        uint64_t *latest = to + buckets + 1 + i * EXEMPLAR_WORDS;
        if (theirs[1] > latest[1])
            memcpy(latest, theirs, EXEMPLAR_WORDS * sizeof *latest);
    }
}

/* `scratch`: [longest_series] */
static void add_shard(const metrics *m, const metric_shard *shard, uint64_t *to, uint64_t *scratch)
{
    for (size_t id = 0; id < METRIC_TOTAL; id++) {
        const metric *row = &metric_table[id];
        const size_t size = m->series_words[id];
        const size_t end = m->first_word[id] + size * metric_series(row, m->domains);
        for (size_t word = m->first_word[id]; size > 0 && word < end; word += size) {
            if (row->kind == METRIC_HISTOGRAM) {
                read_histogram(shard, word, scratch, size);
                add_histogram(row, scratch, to + word);
            } else {
                to[word] += atomic_load_explicit(&shard->words[word], memory_order_relaxed);
            }
        }
    }
}

uint64_t *metrics_collect(metrics *m)
{
    uint64_t *totals = mem_zalloc(m->words + m->longest_series, sizeof *totals);
    if (totals == NULL)
        return NULL;
    pthread_mutex_lock(&m->lock);
    const metric_shard *shard = m->shards; /* later ones are put before it */
    pthread_mutex_unlock(&m->lock);
    for (; shard != NULL; shard = shard->next)
        add_shard(m, shard, totals, totals + m->words);
    return totals;
}
