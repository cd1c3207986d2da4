#include "telemetry/tracer.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/thread.h"
#include "base/utf8.h"
#include "telemetry/span_source.h"

#include <errno.h>
#include <semaphore.h>
#include <string.h>
#include <time.h>

#define QUEUE_MAX ((size_t)1 << 20)
/* Steps of the wall clock below this are not followed, so that the spans of a trace keep their order. */
#define ANCHOR_TOLERANCE_NS (NS_PER_S / 10)

struct tracer {
    tracer_settings settings;
    span_sources sources;
    uint64_t wake_spans; /* a ring with this many waiting wakes the exporter */
    pthread_t thread;
    bool started, finished;
    sem_t wake;
    atomic_bool stopping;
    atomic_bool paused; /* nobody listens: nothing is sampled */
    _Atomic int64_t stop_deadline_ns;
    _Atomic uint64_t exported, failed, rejected;
    /* the exporting thread's */
    span_batch batch;
    int64_t wall_offset_ns;
};

void tracer_settings_init(tracer_settings *settings)
{
    *settings = (tracer_settings){
        .sampler = sampler_make(1, true),
        .trust_parent = true,
        .queue_spans = 2048,
        .batch_spans = 512,
        .delay_ms = 5000,
        .export_timeout_ms = 30000,
        .probe_ms = 10000,
        .max_attributes = SPAN_MAX_ATTRIBUTES,
        .max_text = SPAN_TEXT_MAX,
    };
}

static void follow_wall_clock(tracer *t)
{
    const int64_t offset = clock_wall_ns() - clock_monotonic_ns(), change = offset - t->wall_offset_ns;
    if (change > ANCHOR_TOLERANCE_NS || change < -ANCHOR_TOLERANCE_NS)
        t->wall_offset_ns = offset;
}

static uint64_t waiting(tracer *t)
{
    uint64_t spans = 0;
    for (span_source *s = span_sources_first(&t->sources); s != NULL; s = s->next)
        spans += span_ring_waiting(&s->ring);
    return spans;
}

/* Takes what waits into the batch, up to its size. */
static void collect(tracer *t)
{
    span_batch_clear(&t->batch);
    for (span_source *s = span_sources_first(&t->sources); s != NULL; s = s->next)
        span_batch_take(&t->batch, &s->ring);
    span_batch_finish(&t->batch);
}

static int64_t export_deadline_ns(const tracer *t)
{
    return clock_monotonic_ns() + t->settings.export_timeout_ms * NS_PER_MS;
}

/* Pauses sampling while nobody listens. */
static void look_for_listener(tracer *t)
{
    const span_exporter *to = &t->settings.exporter;
    atomic_store(&t->paused, to->listens != NULL && !to->listens(to->cookie, export_deadline_ns(t)));
}

static void export_batch(tracer *t)
{
    const span_exporter *to = &t->settings.exporter;
    follow_wall_clock(t);
    const int64_t deadline = export_deadline_ns(t);
    const export_result result =
        to->export(to->cookie, t->batch.spans, t->batch.count, t->wall_offset_ns, deadline);
    atomic_fetch_add(&t->exported, result.exported);
    atomic_fetch_add(&t->rejected, result.rejected);
    atomic_fetch_add(&t->failed, result.failed);
    if (result.failed == t->batch.count && !atomic_load(&t->stopping))
        look_for_listener(t);
}

/* Until the time has passed, a thread's ring asks for it where that counts, or the end has come. */
static void wait_for_work(tracer *t, int64_t wait_ms, bool until_full)
{
    const int64_t until = clock_monotonic_ns() + wait_ms * NS_PER_MS;
    const struct timespec deadline = {.tv_sec = until / NS_PER_S, .tv_nsec = until % NS_PER_S};
    while (!atomic_load(&t->stopping) && !(until_full && waiting(t) >= t->wake_spans))
        if (sem_clockwait(&t->wake, CLOCK_MONOTONIC, &deadline) != 0 && errno == ETIMEDOUT)
            return;
}

/* All that was there when the work began, then whole batches only: the rest may wait for more. */
static void export_waiting(tracer *t)
{
    uint64_t owed = waiting(t);
    while (owed > 0 || waiting(t) >= t->wake_spans) {
        collect(t);
        if (t->batch.count == 0)
            return;
        export_batch(t);
        owed -= owed < t->batch.count ? owed : t->batch.count;
        if (atomic_load(&t->stopping) || atomic_load(&t->paused))
            return;
    }
}

/* Drops the spans that requests from before the pause have put since. */
static void let_go(tracer *t)
{
    for (collect(t); t->batch.count > 0; collect(t))
        atomic_fetch_add(&t->failed, t->batch.count);
}

/* After the last span: all of them, or as many as the time allows. */
static void flush(tracer *t)
{
    for (;;) {
        collect(t);
        if (t->batch.count == 0)
            return;
        if (clock_monotonic_ns() < atomic_load(&t->stop_deadline_ns))
            export_batch(t);
        else
            atomic_fetch_add(&t->failed, t->batch.count);
    }
}

static void *run(void *argument)
{
    tracer *t = argument;
    thread_defer();
    while (!atomic_load(&t->stopping)) {
        const bool paused = atomic_load(&t->paused);
        wait_for_work(t, paused ? t->settings.probe_ms : t->settings.delay_ms, !paused);
        if (atomic_load(&t->stopping))
            break; /* what is left is for flush, which knows how much time there is */
        if (paused) {
            let_go(t);
            look_for_listener(t);
        } else {
            export_waiting(t);
        }
    }
    flush(t);
    return NULL;
}

aki_status tracer_open(tracer **out, const tracer_settings *settings, aki_error *error)
{
    *out = NULL;
    tracer *t = mem_zalloc(1, sizeof *t);
    if (t == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for traces");
    t->settings = *settings;
    if (t->settings.queue_spans < 1 || t->settings.queue_spans > QUEUE_MAX)
        t->settings.queue_spans = QUEUE_MAX;
    if (t->settings.batch_spans < 1 || t->settings.batch_spans > t->settings.queue_spans)
        t->settings.batch_spans = t->settings.queue_spans;
    t->wake_spans = t->settings.batch_spans < t->settings.queue_spans / 2 ? t->settings.batch_spans
                                                                          : (t->settings.queue_spans + 1) / 2;
    t->wall_offset_ns = clock_wall_ns() - clock_monotonic_ns();
    sem_init(&t->wake, 0, 0);
    if (!span_sources_open(&t->sources, t->settings.queue_spans, settings->max_attributes,
                           settings->max_text) ||
        !span_batch_open(&t->batch, t->settings.batch_spans)) {
        tracer_close(t, 0);
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for traces");
    }
    t->started = thread_start(&t->thread, run, t, "trace-export");
    if (!t->started) {
        const int reason = errno;
        tracer_close(t, 0);
        return error_set_errno(error, AKI_INTERNAL, reason, "cannot start the thread that exports traces");
    }
    *out = t;
    return AKI_OK;
}

void tracer_finish(tracer *t, int64_t flush_ms)
{
    if (t == NULL || !t->started || t->finished)
        return;
    const int64_t deadline = clock_monotonic_ns() + flush_ms * NS_PER_MS;
    const span_exporter *to = &t->settings.exporter;
    atomic_store(&t->stop_deadline_ns, deadline);
    atomic_store(&t->stopping, true);
    if (to->hurry != NULL)
        to->hurry(to->cookie, deadline);
    sem_post(&t->wake);
    pthread_join(t->thread, NULL);
    t->finished = true;
}

void tracer_close(tracer *t, int64_t flush_ms)
{
    if (t == NULL)
        return;
    tracer_finish(t, flush_ms);
    span_batch_close(&t->batch);
    span_sources_close(&t->sources);
    sem_destroy(&t->wake);
    mem_free(t);
}

static void put_id(uint8_t *to, uint64_t id)
{
    memcpy(to, &id, sizeof id);
}

/* The ids of a trace and of its first span, or of a span in the caller's trace. The generator's state stays in registers
 * meanwhile. */
static void new_ids(span_source *source, const trace_context *parent, trace_root *out)
{
    span_random random = source->random;
    if (parent == NULL) {
        put_id(out->trace_id, span_random_next(&random));
        put_id(out->trace_id + sizeof(uint64_t), span_random_next(&random));
    }
    put_id(out->span_id, span_random_next(&random));
    source->random = random;
}

void tracer_begin(tracer *t, const trace_context *parent, trace_root *out)
{
    span_source *source = t != NULL ? span_source_mine(&t->sources) : NULL;
    *out = (trace_root){.random = parent == NULL || (parent->flags & TRACE_RANDOM) != 0,
                        .traced = source != NULL || parent != NULL};
    if (parent != NULL) {
        memcpy(out->trace_id, parent->trace_id, sizeof out->trace_id);
        memcpy(out->parent_id, parent->span_id, sizeof out->parent_id);
    }
    if (source == NULL) {
        memcpy(out->span_id, out->parent_id, sizeof out->span_id);
        return;
    }
    new_ids(source, parent, out);
    out->sampled =
        !atomic_load_explicit(&t->paused, memory_order_relaxed) &&
        sampler_decide(&t->settings.sampler, t->settings.trust_parent ? parent : NULL, out->trace_id);
}

void tracer_span_id(tracer *t, uint8_t span_id[SPAN_ID_BYTES])
{
    span_source *source = t != NULL ? span_source_mine(&t->sources) : NULL;
    put_id(span_id, source != NULL ? span_random_next(&source->random) : 0);
}

void tracer_emit(tracer *t, const span *s)
{
    span_source *source = t != NULL ? span_source_mine(&t->sources) : NULL;
    if (source == NULL || !span_ring_put(&source->ring, s))
        return;
    const uint64_t put = atomic_load_explicit(&source->ring.put, memory_order_relaxed);
    if (put - source->signalled_at >= t->wake_spans && span_ring_waiting(&source->ring) >= t->wake_spans) {
        source->signalled_at = put;
        sem_post(&t->wake);
    }
}

void trace_root_span(const trace_root *root, span *s)
{
    static const uint8_t none[SPAN_ID_BYTES];
    memcpy(s->trace_id, root->trace_id, sizeof s->trace_id);
    memcpy(s->span_id, root->span_id, sizeof s->span_id);
    memcpy(s->parent_id, root->parent_id, sizeof s->parent_id);
    s->random_trace = root->random;
    s->remote_parent = memcmp(root->parent_id, none, sizeof none) != 0;
}

void trace_root_child(const trace_root *root, const uint8_t span_id[SPAN_ID_BYTES], span *s)
{
    memcpy(s->trace_id, root->trace_id, sizeof s->trace_id);
    memcpy(s->span_id, span_id, sizeof s->span_id);
    memcpy(s->parent_id, root->span_id, sizeof s->parent_id);
    s->random_trace = root->random;
}

void tracer_read_counts(tracer *t, tracer_counts *counts)
{
    *counts = (tracer_counts){0};
    if (t == NULL)
        return;
    counts->exported = atomic_load(&t->exported);
    counts->dropped_failed = atomic_load(&t->failed);
    counts->dropped_rejected = atomic_load(&t->rejected);
    for (span_source *s = span_sources_first(&t->sources); s != NULL; s = s->next)
        counts->dropped_queue_full += atomic_load_explicit(&s->ring.dropped, memory_order_relaxed);
}

#define BYTES_PER_SPAN 512 /* more than spans usually have; a batch of larger ones has fewer of them */
#define BYTES_MIN ((size_t)64 << 10)

bool span_batch_open(span_batch *batch, size_t max_spans)
{
    *batch = (span_batch){.max_spans = max_spans, .capacity = max_spans * BYTES_PER_SPAN};
    if (batch->capacity < BYTES_MIN)
        batch->capacity = BYTES_MIN;
    batch->spans = mem_alloc(max_spans, sizeof *batch->spans);
    batch->bytes = mem_alloc_aligned(batch->capacity, 1);
    return batch->spans != NULL && batch->bytes != NULL;
}

void span_batch_close(span_batch *batch)
{
    mem_free(batch->spans);
    mem_free(batch->bytes);
    *batch = (span_batch){0};
}

void span_batch_clear(span_batch *batch)
{
    batch->count = 0;
    batch->used = 0;
}

void span_batch_take(span_batch *batch, span_ring *ring)
{
    const span_record *record;
    while (batch->count < batch->max_spans && (record = span_ring_peek(ring)) != NULL &&
           record->bytes <= batch->capacity - batch->used) {
        memcpy(batch->bytes + batch->used, record, record->bytes);
        batch->used += record->bytes;
        batch->count++;
        span_ring_pop(ring);
    }
}

/* The text at an offset of the record, made valid UTF-8: a caller's bytes may be anything. */
static const char *text_at(unsigned char *record, const char *offset)
{
    if (offset == NULL)
        return NULL;
    char *text = (char *)record + (uintptr_t)offset;
    size_t bad, length = strlen(text);
    for (char *rest = text; !utf8_valid(rest, length, &bad);) {
        rest[bad] = '?';
        rest += bad + 1;
        length -= bad + 1;
    }
    return text;
}

void span_batch_finish(span_batch *batch)
{
    unsigned char *at = batch->bytes;
    for (size_t i = 0; i < batch->count; i++) {
        span_record *record = (span_record *)at;
        span_attribute *attributes = (span_attribute *)(at + sizeof *record);
        for (uint32_t a = 0; a < record->span.attribute_count; a++)
            if (attributes[a].type == SPAN_TEXT)
                attributes[a].text = text_at(at, attributes[a].text);
        record->span.attributes = attributes;
        record->span.trace_state = text_at(at, record->span.trace_state);
        record->span.message = text_at(at, record->span.message);
        batch->spans[i] = &record->span;
        at += record->bytes;
    }
}
