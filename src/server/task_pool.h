/* A few threads for what would hold up an HTTP thread, and with it other connections' requests: reading large bodies,
 * writing large replies. First come first served, without limit: whoever submits a task has bounded what it holds. */
#ifndef SERVER_TASK_POOL_H
#define SERVER_TASK_POOL_H

#include "akidb/embed.h"

typedef struct task_pool task_pool;

/* Part of what it works on; belongs to the pool from the submission until `run` is called. */
typedef struct task {
    void (*run)(struct task *self);
    struct task *next;
} task;

/* Errors: AKI_OUT_OF_MEMORY (also: no more threads to be had). */
AKI_MUST_CHECK aki_status task_pool_open(task_pool **out, unsigned threads, aki_error *error);
/* Does what was submitted and ends the threads. Once, from one thread. */
void task_pool_stop(task_pool *pool);
/* Stops where that was not done, and frees. NULL allowed. */
void task_pool_close(task_pool *pool);

/* Runs the task on one of the threads; on the calling one once the pool has stopped. */
void task_pool_submit(task_pool *pool, task *t);

#endif
