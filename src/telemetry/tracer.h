/* Traces of this process: ids and sampling decisions at the beginning of a request, its finished spans at the end, and a
 * thread that exports them in the background.
 *
 * A request's way, for whoever serves it:
 *
 *     trace_root root;
 *     tracer_begin(t, have_traceparent ? &context : NULL, &root);    // at its start: ids for logs, exemplars, headers
 *     ...                                                           // note clock_monotonic_ns() where phases change
 *     if (root.sampled) {                                           // at its end, on whichever thread that is
 *         uint8_t inference[SPAN_ID_BYTES];
 *         tracer_span_id(t, inference);
 *         span s = {.name = "inference", .kind = SPAN_INTERNAL, .start_ns = ..., .end_ns = ...};
 *         trace_root_child(&root, inference, &s);                   // trace id, own id, the root's as the parent's
 *         tracer_emit(t, &s);                                       // deeper ones: s.parent_id = inference
 *         span_attribute attributes[] = {span_integer("http.response.status_code", 200), ...};
 *         span whole = {.name = "embedding_request", .kind = SPAN_SERVER, .attributes = attributes, ...};
 *         trace_root_span(&root, &whole);                           // trace id, own id, the caller's as the parent's
 *         tracer_emit(t, &whole);
 *     }
 *
 * Emitting copies the span into a ring of the calling thread: no allocation after the thread's first call, no lock, no
 * shared cache line. Where the ring is full the span is dropped and counted; nothing ever waits for the exporter. Children
 * may be emitted before or after their parents and by any thread.
 *
 * Batches are as OpenTelemetry's batch span processor makes them: when delay_ms has passed or batch_spans wait, one export at
 * a time. queue_spans bounds what each thread has waiting.
 *
 * Where the exporter says that nobody listens, sampling pauses: requests then cost as much as without a tracer, but for
 * their ids, which logs have in any case.
 *
 * A tracer may be NULL: then nothing is sampled and emitting does nothing, at the cost of a comparison. */
#ifndef TELEMETRY_TRACER_H
#define TELEMETRY_TRACER_H

#include "akidb/embed.h"
#include "base/log.h"
#include "telemetry/sampler.h"
#include "telemetry/span.h"
#include "telemetry/span_ring.h"

typedef struct tracer tracer;

/* Outcome of a batch. */
typedef struct export_result {
    size_t exported, rejected,
        failed; /* spans; their sum is the batch's count. rejected: by a collector that took the rest */
} export_result;

/* Receiver of batches. */
typedef struct span_exporter {
    /* spans: [count], count >= 1; valid during the call, which blocks its thread only. wall_offset_ns: what to add to a span's
     * times for nanoseconds since 1970. To return by deadline_ns (CLOCK_MONOTONIC), or soon after *stop becomes true and
     * the time that was left to the flush has passed, which tracer_close arranges by `hurry`. */
    export_result (*export)(void *cookie, const span *const *spans, size_t count, int64_t wall_offset_ns,
                            int64_t deadline_ns);
    /* From another thread: an export under way, and all later ones, must end by deadline_ns and wait for nothing but the
     * collector's reply. NULL = they always do. */
    void (*hurry)(void *cookie, int64_t deadline_ns);
    /* Asked after a batch that failed as a whole, and then every probe_ms until it is true: does anybody take spans? While
     * nobody does, no trace is sampled. Returns by deadline_ns. NULL = somebody always might. */
    bool (*listens)(void *cookie, int64_t deadline_ns);
    void *cookie;
} span_exporter;

typedef struct tracer_settings {
    sampler sampler;
    bool trust_parent; /* false: the caller's sampling flag counts for nothing; its trace is still joined */
    size_t queue_spans, batch_spans;
    int64_t delay_ms, export_timeout_ms;
    int64_t probe_ms;        /* between two looks for somebody who listens */
    uint32_t max_attributes; /* per span */
    uint32_t max_text;       /* bytes of a text value */
    span_exporter exporter;
} tracer_settings;

/* Standard defaults: parent-based always on, 2048, 512, 5 s, 30 s; probes every 10 s; the exporter is left to be filled. */
void tracer_settings_init(tracer_settings *settings);

/* Starts the exporting thread. Errors: AKI_OUT_OF_MEMORY, AKI_INTERNAL (no thread). */
AKI_MUST_CHECK aki_status tracer_open(tracer **out, const tracer_settings *settings, aki_error *error);
/* Exports what waits, for flush_ms at most, and ends; the rest counts as failed. No thread may use the tracer any more. NULL
 * allowed. */
void tracer_close(tracer *t, int64_t flush_ms);
/* The first half of tracer_close: returns when all that waited was exported or flush_ms have passed. Spans that come later
 * are exported by nobody. For when the last counts are still to be read. */
void tracer_finish(tracer *t, int64_t flush_ms);

/* A request's place in its trace. */
typedef struct trace_root {
    uint8_t trace_id[TRACE_ID_BYTES];
    uint8_t span_id
        [SPAN_ID_BYTES]; /* of the request's own span: the parent of its phases, for logs and exemplars */
    uint8_t parent_id[SPAN_ID_BYTES]; /* all zero = the trace begins here */
    bool random;  /* the trace id was made at random, by the tracer or as the caller says */
    bool traced;  /* the ids mean something; false without a tracer and a caller that has one */
    bool sampled; /* spans of this request are wanted */
} trace_root;

/* parent: the caller's context, or NULL. Without a tracer the ids are the caller's own, so that logs still name its trace. */
void tracer_begin(tracer *t, const trace_context *parent, trace_root *out);
/* A fresh id for a span. */
void tracer_span_id(tracer *t, uint8_t span_id[SPAN_ID_BYTES]);

/* Copies the span, or drops and counts it. Only for sampled traces. */
void tracer_emit(tracer *t, const span *s);

/* Fills the ids of the request's own span, and of a span below it. */
void trace_root_span(const trace_root *root, span *s);
void trace_root_child(const trace_root *root, const uint8_t span_id[SPAN_ID_BYTES], span *s);

/* Spans ever, by what became of them. */
typedef struct tracer_counts {
    uint64_t exported;
    uint64_t dropped_queue_full; /* the exporter did not keep up */
    uint64_t dropped_failed;     /* no collector took them */
    uint64_t dropped_rejected;   /* the collector took the batch, but not these */
} tracer_counts;

/* Any thread; t may be NULL. */
void tracer_read_counts(tracer *t, tracer_counts *counts);

/* Spans copied out of the rings for one export: what waits there may go on while an export takes its time, and what an export
 * takes is bounded. */

typedef struct span_batch {
    const span **spans; /* [count], valid after span_batch_finish; they live in `bytes` */
    size_t count, max_spans;
    unsigned char *bytes;
    size_t used, capacity;
} span_batch;

/* False when out of memory. */
bool span_batch_open(span_batch *batch, size_t max_spans);
void span_batch_close(span_batch *batch);

void span_batch_clear(span_batch *batch);
/* Moves records from the ring until there are no more or the batch is full. */
void span_batch_take(span_batch *batch, span_ring *ring);
/* Turns the records into spans. Nothing may be taken afterwards, until span_batch_clear. */
void span_batch_finish(span_batch *batch);

#endif
