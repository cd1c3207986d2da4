/* The waiting requests by deadline: a binary min-heap, so that a pass start looks at what has expired and at nothing
 * else, however much waits. */
#ifndef SCHEDULER_DEADLINE_HEAP_H
#define SCHEDULER_DEADLINE_HEAP_H

#include "scheduler/request.h"

typedef struct deadline_heap {
    scheduler_request **items; /* [count] of [room]; each knows its place in heap_index */
    size_t count, room;
} deadline_heap;

void deadline_heap_free(deadline_heap *heap);

/* False = out of memory. */
AKI_MUST_CHECK bool deadline_heap_push(deadline_heap *heap, scheduler_request *request);
void deadline_heap_remove(deadline_heap *heap, scheduler_request *request);
/* After request->expires_ns was changed. */
void deadline_heap_moved(deadline_heap *heap, scheduler_request *request);

/* The request that expires first, or NULL. */
static inline scheduler_request *deadline_heap_first(const deadline_heap *heap)
{
    return heap->count > 0 ? heap->items[0] : NULL;
}

#endif
