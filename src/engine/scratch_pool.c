#include "engine/worker_pool.h"

void scratch_pool_init(scratch_pool *pool)
{
    pthread_mutex_init(&pool->lock, NULL);
    pool->free_count = 0;
}

void scratch_pool_destroy(scratch_pool *pool)
{
    for (size_t i = 0; i < pool->free_count; i++)
        tokenizer_scratch_close(pool->free[i]);
    pthread_mutex_destroy(&pool->lock);
}

tokenizer_scratch *scratch_pool_take(scratch_pool *pool)
{
    tokenizer_scratch *scratch = NULL;
    pthread_mutex_lock(&pool->lock);
    if (pool->free_count > 0)
        scratch = pool->free[--pool->free_count];
    pthread_mutex_unlock(&pool->lock);
    return scratch != NULL ? scratch : tokenizer_scratch_open();
}

void scratch_pool_give(scratch_pool *pool, tokenizer_scratch *scratch)
{
    pthread_mutex_lock(&pool->lock);
    if (pool->free_count < SCRATCH_POOL_KEEP) {
        pool->free[pool->free_count++] = scratch;
        scratch = NULL;
    }
    pthread_mutex_unlock(&pool->lock);
    tokenizer_scratch_close(scratch);
}
