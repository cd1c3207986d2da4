/* Finished spans on their way from one thread to the exporter: a ring of bytes with one writer and one reader, neither of
 * which ever waits for the other.
 *
 * A span is a record of a multiple of 16 bytes: its struct, its attributes, its texts. Records never wrap: where the end is
 * too near, the rest is skipped. A record's pointers to its own parts are kept as offsets from its beginning, so that it
 * may be moved by memcpy; span_batch turns them into pointers again. The memory is touched as it is first used. */
#ifndef TELEMETRY_SPAN_RING_H
#define TELEMETRY_SPAN_RING_H

#include "telemetry/span.h"

#include <stdatomic.h>

#define SPAN_RECORD_ALIGNMENT 16

typedef struct span_record {
    uint32_t bytes; /* of the whole record */
    bool filler;    /* nothing but the rest up to the ring's end */
    _Alignas(SPAN_RECORD_ALIGNMENT) span span;
    /* then: span_attribute [attribute_count], texts */
} span_record;

typedef struct span_ring {
    /* the writer's */
    _Alignas(64) _Atomic uint64_t head; /* bytes ever written */
    _Atomic uint64_t put, dropped;      /* spans */
    uint64_t tail_seen;
    /* the reader's */
    _Alignas(64) _Atomic uint64_t tail; /* bytes ever read */
    _Atomic uint64_t taken;             /* spans */
    /* both only read these */
    _Alignas(64) unsigned char *bytes; /* [capacity], a power of two */
    uint64_t capacity;
    uint64_t max_spans;
    uint32_t max_attributes; /* per span */
    uint32_t max_text;       /* bytes of a copied text */
} span_ring;

/* False when out of memory. max_spans: 1 .. 2^20. */
bool span_ring_open(span_ring *ring, size_t max_spans, uint32_t max_attributes, uint32_t max_text);
void span_ring_close(span_ring *ring);

/* Copies the span in, or drops and counts it where the ring is full. Its writer only. */
bool span_ring_put(span_ring *ring, const span *s);

/* Spans that wait; exact for the writer and the reader when the other one rests. */
static inline uint64_t span_ring_waiting(const span_ring *ring)
{
    return atomic_load_explicit(&ring->put, memory_order_relaxed) -
           atomic_load_explicit(&ring->taken, memory_order_relaxed);
}

/* The oldest record, or NULL when there is none; it stays until span_ring_pop. The reader only. */
const span_record *span_ring_peek(span_ring *ring);
void span_ring_pop(span_ring *ring);

#endif
