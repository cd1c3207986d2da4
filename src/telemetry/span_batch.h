/* Spans copied out of the rings for one export: what waits there may go on while an export takes its time, and what an export
 * takes is bounded. */
#ifndef TELEMETRY_SPAN_BATCH_H
#define TELEMETRY_SPAN_BATCH_H

#include "telemetry/span_ring.h"

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
