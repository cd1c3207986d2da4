/* The threads behind aki_embed: one worker per CPU, each with its own state, each computing whole passes without
 * waiting for the others. Jobs of several callers are served first come, first served. */
#ifndef ENGINE_WORKER_POOL_H
#define ENGINE_WORKER_POOL_H

#include "engine/encoder.h"

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

#endif
