#include "scheduler/deadline_heap.h"

#include "base/memory.h"

#define FIRST_ROOM 64

void deadline_heap_free(deadline_heap *heap)
{
    mem_free(heap->items);
    *heap = (deadline_heap){0};
}

static void put(deadline_heap *heap, size_t place, scheduler_request *request)
{
    heap->items[place] = request;
    request->heap_index = place;
}

static void rise(deadline_heap *heap, size_t place, scheduler_request *request)
{
    while (place > 0) {
        size_t parent = (place - 1) / 2;
        if (heap->items[parent]->expires_ns <= request->expires_ns)
            break;
        put(heap, place, heap->items[parent]);
        place = parent;
    }
    put(heap, place, request);
}

static void sink(deadline_heap *heap, size_t place, scheduler_request *request)
{
    for (;;) {
        size_t child = 2 * place + 1;
        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && heap->items[child + 1]->expires_ns < heap->items[child]->expires_ns)
            child++;
        if (request->expires_ns <= heap->items[child]->expires_ns)
            break;
        put(heap, place, heap->items[child]);
        place = child;
    }
    put(heap, place, request);
}

bool deadline_heap_push(deadline_heap *heap, scheduler_request *request)
{
    if (heap->count == heap->room) {
        size_t room = heap->room > 0 ? heap->room * 2 : FIRST_ROOM;
        scheduler_request **larger = mem_realloc(heap->items, room, sizeof *larger);
        if (larger == NULL)
            return false;
        heap->items = larger;
        heap->room = room;
    }
    rise(heap, heap->count++, request);
    return true;
}

static void settle(deadline_heap *heap, size_t place, scheduler_request *request)
{
    if (place > 0 && request->expires_ns < heap->items[(place - 1) / 2]->expires_ns)
        rise(heap, place, request);
    else
        sink(heap, place, request);
}

void deadline_heap_remove(deadline_heap *heap, scheduler_request *request)
{
    size_t place = request->heap_index;
    scheduler_request *last = heap->items[--heap->count];
    if (last != request)
        settle(heap, place, last);
}

void deadline_heap_moved(deadline_heap *heap, scheduler_request *request)
{
    settle(heap, request->heap_index, request);
}
