#include "telemetry/arena.h"

#include "base/memory.h"

#include <stdalign.h>
#include <string.h>

#define BLOCK_BYTES ((size_t)64 << 10)

typedef struct arena_block {
    struct arena_block *next;
    alignas(max_align_t) unsigned char bytes[];
} arena_block;

void *arena_zalloc(arena *a, size_t count, size_t size)
{
    size_t bytes;
    const size_t alignment = alignof(max_align_t);
    if (a->failed || !size_mul(count, size, &bytes) || !size_add(bytes, alignment - 1, &bytes)) {
        a->failed = true;
        return NULL;
    }
    bytes = bytes / alignment * alignment;
    if (a->blocks == NULL || bytes > a->capacity - a->used) {
        const size_t capacity = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
        arena_block *block = mem_alloc(1, sizeof *block + capacity);
        if (block == NULL) {
            a->failed = true;
            return NULL;
        }
        block->next = a->blocks;
        a->blocks = block;
        a->used = 0;
        a->capacity = capacity;
    }
    void *object = a->blocks->bytes + a->used;
    a->used += bytes;
    return memset(object, 0, bytes);
}

void arena_free(arena *a)
{
    while (a->blocks != NULL) {
        arena_block *next = a->blocks->next;
        mem_free(a->blocks);
        a->blocks = next;
    }
    *a = (arena){0};
}
