#include "telemetry/span_ring.h"

#include "base/memory.h"

#include <string.h>

#define RECORD_BYTES_USUAL 256
/* A ring holds several of the largest records. */
#define CAPACITY_MIN ((uint64_t)128 << 10)

bool span_ring_open(span_ring *ring, size_t max_spans, uint32_t max_attributes, uint32_t max_text)
{
    memset(ring, 0, sizeof *ring);
    ring->max_spans = max_spans;
    ring->max_attributes = max_attributes < SPAN_MAX_ATTRIBUTES ? max_attributes : SPAN_MAX_ATTRIBUTES;
    ring->max_text = max_text < SPAN_TEXT_MAX ? max_text : SPAN_TEXT_MAX;
    ring->capacity = CAPACITY_MIN;
    while (ring->capacity < max_spans * RECORD_BYTES_USUAL)
        ring->capacity *= 2;
    ring->bytes = mem_alloc_aligned(ring->capacity, 1);
    return ring->bytes != NULL;
}

void span_ring_close(span_ring *ring)
{
    mem_free(ring->bytes);
    ring->bytes = NULL;
}

/* Bytes of a text that will be copied, without its NUL. Cut where no UTF-8 sequence is cut in two. */
static uint32_t text_length(const char *text, uint32_t limit)
{
    if (text == NULL)
        return 0;
    size_t length = strnlen(text, (size_t)limit + 1);
    if (length <= limit)
        return (uint32_t)length;
    length = limit;
    while (length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80)
        length--;
    return (uint32_t)length;
}

/* The way of a text into a record: its offset there, in place of a pointer; 0 = no text. */
typedef struct text_writer {
    unsigned char *record;
    uint32_t used;
} text_writer;

static const char *put_text(text_writer *w, const char *text, uint32_t length)
{
    const uint32_t offset = w->used;
    memcpy(w->record + offset, text, length);
    w->record[offset + length] = '\0';
    w->used = offset + length + 1;
    return (const char *)(uintptr_t)offset;
}

typedef struct text_lengths {
    uint32_t attributes[SPAN_MAX_ATTRIBUTES];
    uint32_t state, message;
} text_lengths;

static uint32_t record_bytes(const span_ring *ring, const span *s, uint32_t attributes, text_lengths *lengths)
{
    uint32_t bytes = (uint32_t)(sizeof(span_record) + attributes * sizeof(span_attribute));
    for (uint32_t i = 0; i < attributes; i++) {
        if (s->attributes[i].type != SPAN_TEXT)
            continue;
        lengths->attributes[i] = text_length(s->attributes[i].text, ring->max_text);
        bytes += lengths->attributes[i] + 1;
    }
    lengths->state = text_length(s->trace_state, TRACESTATE_MAX_BYTES);
    lengths->message = text_length(s->message, ring->max_text);
    if (s->trace_state != NULL)
        bytes += lengths->state + 1;
    if (s->message != NULL)
        bytes += lengths->message + 1;
    return (bytes + SPAN_RECORD_ALIGNMENT - 1) / SPAN_RECORD_ALIGNMENT * SPAN_RECORD_ALIGNMENT;
}

static void write_record(unsigned char *at, uint32_t bytes, const span *s, uint32_t attributes,
                         const text_lengths *lengths)
{
    span_record *record = (span_record *)at;
    span_attribute *own = (span_attribute *)(at + sizeof *record);
    text_writer texts = {at, (uint32_t)(sizeof *record + attributes * sizeof *own)};
    record->bytes = bytes;
    record->filler = false;
    record->span = *s;
    record->span.attributes = NULL; /* right behind */
    record->span.attribute_count = attributes;
    record->span.dropped_attributes = s->attribute_count - attributes;
    for (uint32_t i = 0; i < attributes; i++) {
        own[i] = s->attributes[i];
        if (own[i].type != SPAN_TEXT)
            continue;
        own[i].text = put_text(&texts, own[i].text != NULL ? own[i].text : "", lengths->attributes[i]);
        own[i].length = lengths->attributes[i];
    }
    if (s->trace_state != NULL)
        record->span.trace_state = put_text(&texts, s->trace_state, lengths->state);
    if (s->message != NULL)
        record->span.message = put_text(&texts, s->message, lengths->message);
}

/* True where `bytes` from `head` on are free. */
static bool has_room(span_ring *ring, uint64_t head, uint64_t bytes)
{
    if (head + bytes - ring->tail_seen <= ring->capacity)
        return true;
    ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
    return head + bytes - ring->tail_seen <= ring->capacity;
}

static void count(_Atomic uint64_t *number)
{
    atomic_store_explicit(number, atomic_load_explicit(number, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

bool span_ring_put(span_ring *ring, const span *s)
{
    text_lengths lengths;
    const uint32_t attributes =
        s->attribute_count < ring->max_attributes ? s->attribute_count : ring->max_attributes;
    const uint32_t bytes = record_bytes(ring, s, attributes, &lengths);
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    const uint64_t rest = ring->capacity - (head & (ring->capacity - 1));
    const uint64_t skipped = rest < bytes ? rest : 0;
    if (span_ring_waiting(ring) >= ring->max_spans || !has_room(ring, head, skipped + bytes)) {
        count(&ring->dropped);
        return false;
    }
    if (skipped > 0) {
        span_record *filler = (span_record *)(ring->bytes + (head & (ring->capacity - 1)));
        filler->bytes = (uint32_t)skipped;
        filler->filler = true;
        head += skipped;
    }
    write_record(ring->bytes + (head & (ring->capacity - 1)), bytes, s, attributes, &lengths);
    count(&ring->put);
    atomic_store_explicit(&ring->head, head + bytes, memory_order_release);
    return true;
}

const span_record *span_ring_peek(span_ring *ring)
{
    for (;;) {
        const uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
        if (atomic_load_explicit(&ring->head, memory_order_acquire) == tail)
            return NULL;
        const span_record *record = (const span_record *)(ring->bytes + (tail & (ring->capacity - 1)));
        if (!record->filler)
            return record;
        atomic_store_explicit(&ring->tail, tail + record->bytes, memory_order_release);
    }
}

void span_ring_pop(span_ring *ring)
{
    const uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    const span_record *record = (const span_record *)(ring->bytes + (tail & (ring->capacity - 1)));
    const uint32_t bytes = record->bytes;
    count(&ring->taken);
    atomic_store_explicit(&ring->tail, tail + bytes, memory_order_release);
}
