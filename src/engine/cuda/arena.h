/* One allocation of device memory, cut into parts. The parts are laid out twice by the same code: first without memory, which
 * only adds their sizes up, and then in the memory of that size. */
#ifndef ENGINE_CUDA_ARENA_H
#define ENGINE_CUDA_ARENA_H

#include <stddef.h>

#define CUDA_ARENA_ALIGNMENT ((size_t)256) /* bytes */

typedef struct cuda_arena {
    unsigned char *memory; /* NULL: parts are counted only */
    size_t bytes;          /* of the parts so far */
} cuda_arena;

static inline void *cuda_arena_take(cuda_arena *arena, size_t bytes)
{
    void *part = arena->memory != NULL ? arena->memory + arena->bytes : NULL;
    arena->bytes += (bytes + CUDA_ARENA_ALIGNMENT - 1) / CUDA_ARENA_ALIGNMENT * CUDA_ARENA_ALIGNMENT;
    return part;
}

#endif
