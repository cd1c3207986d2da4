#include "server/probe.h"

#include "base/error.h"
#include "base/memory.h"
#include "server/reference_vector.h"
#include "server/vector_check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define LOG_TARGET "health"

struct probe {
    log_sink log;
    size_t dimension;
    float *expected; /* [dimension] f32; NULL until the first has ended */
    atomic_bool under_way;
    _Atomic(probe_outcome) last;
    _Atomic(uint64_t) right, wrong;

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t ended;
    bool first_ended;
    aki_status status; /* of the first */
    aki_error error;
};

aki_status probe_open(probe **out, log_sink log, aki_error *error)
{
    probe *p = mem_zalloc(1, sizeof *p);
    *out = p;
    if (p == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the health probe");
    p->log = log;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->ended, NULL);
    return AKI_OK;
}

void probe_close(probe *p)
{
    if (p == NULL)
        return;
    pthread_cond_destroy(&p->ended);
    pthread_mutex_destroy(&p->lock);
    mem_free(p->expected);
    mem_free(p);
}

static aki_status submit(probe *p, scheduler *work, scheduler_done_fn done, aki_error *error)
{
    const aki_text text = {reference_text, strlen(reference_text)};
    const scheduler_submission submission = {
        .texts = &text, .count = 1, .probe = true, .done = done, .cookie = p};
    scheduler_request *request;
    return scheduler_submit(work, &submission, &request, error);
}

static void on_first(void *cookie, scheduler_request *request, const scheduler_result *result)
{
    probe *p = cookie;
    pthread_mutex_lock(&p->lock);
    p->status = result->status;
    p->error = result->error;
    if (result->status == AKI_OK)
        memcpy(p->expected, result->vectors, p->dimension * sizeof *p->expected);
    p->first_ended = true;
    pthread_cond_signal(&p->ended);
    pthread_mutex_unlock(&p->lock);
    scheduler_request_free(request);
}

aki_status probe_first(probe *p, scheduler *work, size_t dimension, const float **vector, aki_error *error)
{
    p->dimension = dimension;
    p->expected = mem_zalloc(dimension, sizeof *p->expected);
    if (p->expected == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for a vector");
    aki_status status = submit(p, work, on_first, error);
    if (status != AKI_OK)
        return status;
    pthread_mutex_lock(&p->lock);
    while (!p->first_ended)
        pthread_cond_wait(&p->ended, &p->lock);
    pthread_mutex_unlock(&p->lock);
    if (p->status != AKI_OK && error != NULL)
        *error = p->error;
    if (p->status == AKI_OK)
        atomic_store(&p->last, PROBE_RIGHT);
    *vector = p->expected;
    return p->status;
}

static void conclude(probe *p, bool right, const char *reason)
{
    const probe_outcome last = atomic_exchange(&p->last, right ? PROBE_RIGHT : PROBE_WRONG);
    atomic_fetch_add(right ? &p->right : &p->wrong, 1);
    if (!right && last != PROBE_WRONG)
        log_write(&p->log, AKI_LOG_ERROR, LOG_TARGET, "not ready: the health probe failed: %s", reason);
    else if (right && last == PROBE_WRONG)
        log_write(&p->log, AKI_LOG_INFO, LOG_TARGET, "ready again: the health probe's vector is right");
    atomic_store(&p->under_way, false);
}

static void on_done(void *cookie, scheduler_request *request, const scheduler_result *result)
{
    probe *p = cookie;
    if (result->status == AKI_CANCELLED) /* the service is stopping, which says nothing */
        atomic_store(&p->under_way, false);
    else if (result->status != AKI_OK)
        conclude(p, false, result->error.message);
    else
        conclude(p, vector_agrees(result->vectors, p->expected, p->dimension),
                 "its vector is not the one that the same text had at the start");
    scheduler_request_free(request);
}

void probe_begin(probe *p, scheduler *work)
{
    aki_error error;
    if (atomic_exchange(&p->under_way, true))
        return;
    aki_status status = submit(p, work, on_done, &error);
    if (status == AKI_CANCELLED)
        atomic_store(&p->under_way, false);
    else if (status != AKI_OK)
        conclude(p, false, error.message);
}

probe_outcome probe_last(const probe *p)
{
    return atomic_load(&p->last);
}

probe_counts probe_count(const probe *p)
{
    return (probe_counts){atomic_load(&p->right), atomic_load(&p->wrong)};
}
