#include "telemetry/span_batch.h"

#include "base/memory.h"
#include "base/utf8.h"

#include <string.h>

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
