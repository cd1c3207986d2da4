/* The threads behind aki_embed: one worker per CPU, each with its own state, each computing whole passes without
 * waiting for the others. Jobs of several callers are served first come, first served. */
#ifndef ENGINE_WORKER_POOL_H
#define ENGINE_WORKER_POOL_H

#include <pthread.h>

#include "engine/encoder.h"
#include "tokenizer/tokenizer.h"

typedef struct worker_pool worker_pool;

/* Starts `threads` (>= 1) workers. The encoder must outlive the pool. Errors: AKI_OUT_OF_MEMORY (also: no more threads
 * to be had). */
AKI_MUST_CHECK aki_status worker_pool_open(worker_pool **out, const encoder *enc, unsigned threads,
                                           aki_error *error);
/* Ends and joins the workers. No worker_pool_run may be under way. NULL allowed. */
void worker_pool_close(worker_pool *pool);

/* Computes all sequences, split into passes over the workers, and returns when the last is done. Callable from any
 * number of threads. Once *cancel (NULL = never) is not 0, no further pass is begun. Errors as encoder_run, AKI_CANCELLED;
 * per-sequence outcomes are in sequences[i].status. */
AKI_MUST_CHECK aki_status worker_pool_run(worker_pool *pool, encoder_sequence *sequences, size_t count,
                                          const volatile int *cancel, aki_error *error);

/* Tokenizer scratches for callers that come and go: taken for the length of a call, kept for the next. */

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
