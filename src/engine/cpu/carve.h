/* Hands out room from one block, by running the same requests twice: with base NULL it only counts. */
#ifndef ENGINE_CPU_CARVE_H
#define ENGINE_CPU_CARVE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/memory.h"
#include "kernels/kernels.h"

typedef struct carver {
    unsigned char *base;
    size_t used;
    bool overflow;
} carver;

/* 64-byte aligned when base is. */
static inline void *carve(carver *c, size_t count, size_t size)
{
    size_t bytes, end;
    if (!size_mul(count, size, &bytes) || !size_add(bytes, KERNEL_ALIGNMENT - 1, &bytes) ||
        !size_add(c->used, bytes / KERNEL_ALIGNMENT * KERNEL_ALIGNMENT, &end)) {
        c->overflow = true;
        return NULL;
    }
    void *room = c->base != NULL ? c->base + c->used : NULL;
    c->used = end;
    return room;
}

#endif
