#include "server/task_pool.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/thread.h"

#include <errno.h>

struct task_pool {
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t changed;
    task *first, *last;
    bool stopping;
    unsigned started;
    pthread_t threads[]; /* [started] */
};

static void *run(void *argument)
{
    task_pool *pool = argument;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        task *t = pool->first;
        if (t != NULL) {
            pool->first = t->next;
            pthread_mutex_unlock(&pool->lock);
            t->run(t);
            pthread_mutex_lock(&pool->lock);
        } else if (pool->stopping) {
            break;
        } else {
            pthread_cond_wait(&pool->changed, &pool->lock);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

aki_status task_pool_open(task_pool **out, unsigned threads, aki_error *error)
{
    *out = NULL;
    task_pool *pool = mem_zalloc(1, sizeof *pool + threads * sizeof pool->threads[0]);
    if (pool == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the threads of large requests");
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->changed, NULL);
    while (pool->started < threads &&
           thread_start(&pool->threads[pool->started], run, pool, "aki-http-large"))
        pool->started++;
    if (pool->started < threads) {
        aki_status status =
            error_set_errno(error, AKI_OUT_OF_MEMORY, errno, "cannot start the threads of large requests");
        task_pool_close(pool);
        return status;
    }
    *out = pool;
    return AKI_OK;
}

void task_pool_stop(task_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    bool stopped = pool->stopping;
    pool->stopping = true;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->started && !stopped; i++)
        pthread_join(pool->threads[i], NULL);
}

void task_pool_close(task_pool *pool)
{
    if (pool == NULL)
        return;
    task_pool_stop(pool);
    pthread_cond_destroy(&pool->changed);
    pthread_mutex_destroy(&pool->lock);
    mem_free(pool);
}

void task_pool_submit(task_pool *pool, task *t)
{
    t->next = NULL;
    pthread_mutex_lock(&pool->lock);
    bool stopping = pool->stopping;
    if (!stopping) {
        if (pool->first != NULL)
            pool->last->next = t;
        else
            pool->first = t;
        pool->last = t;
        pthread_cond_signal(&pool->changed);
    }
    pthread_mutex_unlock(&pool->lock);
    if (stopping)
        t->run(t);
}
