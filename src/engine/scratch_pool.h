/* Tokenizer scratches for callers that come and go: taken for the length of a call, kept for the next. */
#ifndef ENGINE_SCRATCH_POOL_H
#define ENGINE_SCRATCH_POOL_H

#include "tokenizer/tokenizer.h"

#include <pthread.h>

#define SCRATCH_POOL_KEEP 64

typedef struct scratch_pool {
    pthread_mutex_t lock;
    tokenizer_scratch *free[SCRATCH_POOL_KEEP];
    size_t free_count;
} scratch_pool;

void scratch_pool_init(scratch_pool *pool);
void scratch_pool_destroy(scratch_pool *pool);

/* NULL = out of memory. Give it back with scratch_pool_give. Thread-safe. */
tokenizer_scratch *scratch_pool_take(scratch_pool *pool);
void scratch_pool_give(scratch_pool *pool, tokenizer_scratch *scratch);

#endif
