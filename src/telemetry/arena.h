/* Memory for many small objects that end together: what a message is built of before it is packed. Failure is sticky, so that
 * a builder may go on with NULLs only where it checks, and asks once at the end. */
#ifndef TELEMETRY_ARENA_H
#define TELEMETRY_ARENA_H

#include <stdbool.h>
#include <stddef.h>

typedef struct arena {
    struct arena_block *blocks;
    size_t used, capacity; /* of the first block */
    bool failed;
} arena;

/* Zeroed, aligned for any type; NULL (and failed) when out of memory. An arena begins as {0}. */
void *arena_zalloc(arena *a, size_t count, size_t size);
void arena_free(arena *a);

#endif
