/* The threads around the queue. One lock guards everything that changes; tokenizing, passes and `done` run outside it.
 *
 * A worker's round: hand out one finished request, or else drop what has expired, take a pass, compute it, book it.
 * Finished requests go first, so that replies leave before the next pass begins. */
#include "scheduler/scheduler.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/thread.h"
#include "scheduler/queue.h"

#include <errno.h>

/* Shares smaller than this are not worth a second worker: each reads all weights once, whatever the rows. */
#define SMALLEST_SHARE_TOKENS 64
/* How much of the older passes stays in the measured rate at each new one. */
#define RATE_MEMORY 0.95

typedef struct worker {
    scheduler *owner;
    encoder_state *state;
    pass work;
    int64_t pass_started_ns; /* 0 = none under way; under the lock */
    pthread_t thread;
    bool started;
} worker;

struct scheduler {
    const encoder *enc;
    log_sink log;
    scratch_pool scratches;
    unsigned workers_count;
    worker *workers; /* [workers_count] */

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t work;  /* something was queued or finished, or the workers are to stop */
    queue q;
    unsigned idle; /* workers that wait */
    size_t running_tokens;
    double rate_tokens, rate_ns; /* decayed sums over passes */
    bool stopping, stopped;
};

static void deliver(scheduler *s, scheduler_request *request)
{
    pthread_mutex_unlock(&s->lock);
    request_complete(request);
    request->done(request->cookie, request, &request->result); /* frees it, maybe */
    pthread_mutex_lock(&s->lock);
}

static void measure(scheduler *s, size_t tokens, int64_t duration_ns)
{
    s->rate_tokens = s->rate_tokens * RATE_MEMORY + (double)tokens;
    s->rate_ns = s->rate_ns * RATE_MEMORY + (double)(duration_ns > 0 ? duration_ns : 1);
}

/* With the lock held, which is let go during the pass. */
static void compute_pass(scheduler *s, worker *self)
{
    pass *p = &self->work;
    int64_t start_ns = clock_monotonic_ns();
    queue_drop_expired(&s->q, start_ns);
    size_t takers = 1 + s->idle;
    size_t share = (s->q.tokens + takers - 1) / takers;
    queue_take(&s->q, p, share > SMALLEST_SHARE_TOKENS ? share : SMALLEST_SHARE_TOKENS,
               encoder_max_pass_tokens(s->enc), start_ns);
    if (p->count == 0)
        return;
    s->running_tokens += p->tokens;
    self->pass_started_ns = start_ns;
    if (s->q.tokens > 0 && s->idle > 0)
        pthread_cond_signal(&s->work);
    pthread_mutex_unlock(&s->lock);

    aki_error error;
    aki_status status = encoder_run(s->enc, self->state, p->sequences, p->count, &error);
    int64_t end_ns = clock_monotonic_ns();

    pthread_mutex_lock(&s->lock);
    self->pass_started_ns = 0;
    s->running_tokens -= p->tokens;
    measure(s, p->tokens, end_ns - start_ns);
    queue_settle(&s->q, p, status == AKI_OK ? NULL : &error, end_ns);
}

static void *work(void *argument)
{
    worker *self = argument;
    scheduler *s = self->owner;
    pthread_mutex_lock(&s->lock);
    for (;;) {
        scheduler_request *finished = queue_pop_finished(&s->q);
        if (finished != NULL) {
            deliver(s, finished);
        } else if (s->q.waiting.first != NULL) {
            compute_pass(s, self);
        } else if (s->stopping) {
            break;
        } else {
            s->idle++;
            pthread_cond_wait(&s->work, &s->lock);
            s->idle--;
        }
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

static aki_status start_worker(scheduler *s, worker *w, aki_error *error)
{
    w->owner = s;
    aki_status status = encoder_state_open(&w->state, s->enc, error);
    if (status != AKI_OK)
        return status;
    size_t capacity = encoder_max_pass_tokens(s->enc); /* a sequence has at least one token */
    w->work.capacity = capacity;
    w->work.sequences = mem_alloc(capacity, sizeof *w->work.sequences);
    w->work.owners = mem_alloc(capacity, sizeof *w->work.owners);
    if (w->work.sequences == NULL || w->work.owners == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for a worker");
    w->started = thread_start(&w->thread, work, w, "aki-scheduler");
    if (!w->started)
        return error_set_errno(error, AKI_OUT_OF_MEMORY, errno, "cannot start a worker thread");
    return AKI_OK;
}

aki_status scheduler_open(scheduler **out, const encoder *enc, const scheduler_settings *settings,
                          aki_error *error)
{
    *out = NULL;
    scheduler *s = mem_zalloc(1, sizeof *s);
    if (s == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the scheduler");
    s->enc = enc;
    s->log = settings->log;
    s->q.max_requests = settings->max_queue_requests;
    s->q.max_tokens = settings->max_queue_tokens;
    s->q.max_bytes = settings->max_queue_bytes;
    scratch_pool_init(&s->scratches);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->work, NULL);
    aki_status status = AKI_OK;
    s->workers = mem_zalloc(settings->workers, sizeof *s->workers);
    if (s->workers == NULL)
        status = error_set(error, AKI_OUT_OF_MEMORY, "no memory for %u workers", settings->workers);
    else
        s->workers_count = settings->workers;
    for (unsigned i = 0; i < s->workers_count && status == AKI_OK; i++)
        status = start_worker(s, &s->workers[i], error);
    if (status != AKI_OK) {
        scheduler_close(s);
        return status;
    }
    log_write(&s->log, AKI_LOG_DEBUG, "scheduler", "%u workers, passes of up to %zu tokens", s->workers_count,
              encoder_max_pass_tokens(enc));
    *out = s;
    return AKI_OK;
}

void scheduler_stop(scheduler *s, bool abandon)
{
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    while (abandon && s->q.waiting.first != NULL) {
        aki_error error;
        error_set(&error, AKI_CANCELLED, "the service stopped before the request was done");
        queue_drop(&s->q, s->q.waiting.first, &error);
    }
    pthread_cond_broadcast(&s->work);
    bool stopped = s->stopped;
    s->stopped = true;
    pthread_mutex_unlock(&s->lock);
    for (unsigned i = 0; i < s->workers_count && !stopped; i++)
        if (s->workers[i].started)
            pthread_join(s->workers[i].thread, NULL);
}

void scheduler_close(scheduler *s)
{
    if (s == NULL)
        return;
    scheduler_stop(s, true);
    for (unsigned i = 0; i < s->workers_count; i++) {
        worker *w = &s->workers[i];
        encoder_state_close(w->state);
        mem_free(w->work.sequences);
        mem_free(w->work.owners);
    }
    mem_free(s->workers);
    pthread_cond_destroy(&s->work);
    pthread_mutex_destroy(&s->lock);
    scratch_pool_destroy(&s->scratches);
    mem_free(s);
}

/* Lock held. */
static aki_status admit(const scheduler *s, size_t tokens, size_t bytes, aki_error *error)
{
    if (s->stopping)
        return error_set(error, AKI_CANCELLED, "the service is stopping and takes no new work");
    return queue_admits(&s->q, tokens, bytes, error);
}

/* Wakes as many workers as the request gives a share to. Lock held. */
static void wake(scheduler *s, size_t tokens)
{
    size_t shares = 1 + (tokens - 1) / SMALLEST_SHARE_TOKENS;
    for (size_t i = 0; i < shares && i < s->idle; i++)
        pthread_cond_signal(&s->work);
}

aki_status scheduler_submit(scheduler *s, const scheduler_submission *submission, scheduler_request **out,
                            aki_error *error)
{
    *out = NULL;
    /* A full queue refuses before tokenizing is paid for. */
    pthread_mutex_lock(&s->lock);
    aki_status status = admit(s, submission->count, 0, error);
    pthread_mutex_unlock(&s->lock);
    if (status != AKI_OK)
        return status;
    scheduler_request *request;
    status = request_open(&request, s->enc, &s->scratches, submission, error);
    if (status != AKI_OK)
        return status;
    request->owner = s;
    if (request->count == 0) {
        *out = request;
        request_complete(request);
        request->done(request->cookie, request, &request->result);
        return AKI_OK;
    }
    pthread_mutex_lock(&s->lock);
    status = admit(s, request->tokens, request->bytes, error);
    if (status == AKI_OK) {
        *out = request;
        queue_push(&s->q, request);
        wake(s, request->tokens);
    }
    pthread_mutex_unlock(&s->lock);
    if (status != AKI_OK)
        scheduler_request_free(request);
    return status;
}

void scheduler_cancel(scheduler_request *request)
{
    scheduler *s = request->owner;
    aki_error error;
    error_set(&error, AKI_CANCELLED, "the client went away");
    pthread_mutex_lock(&s->lock);
    queue_drop(&s->q, request, &error);
    pthread_cond_signal(&s->work);
    pthread_mutex_unlock(&s->lock);
}

int64_t scheduler_backlog_ms(scheduler *s)
{
    pthread_mutex_lock(&s->lock);
    double tokens = (double)(s->q.tokens + s->running_tokens);
    double ms = 0;
    if (s->rate_tokens > 0)
        ms = tokens * s->rate_ns / s->rate_tokens / s->workers_count / NS_PER_MS;
    pthread_mutex_unlock(&s->lock);
    return (int64_t)ms;
}

int64_t scheduler_longest_pass_ms(scheduler *s)
{
    pthread_mutex_lock(&s->lock);
    int64_t now_ns = clock_monotonic_ns(), longest_ns = 0;
    for (unsigned i = 0; i < s->workers_count; i++) {
        int64_t started_ns = s->workers[i].pass_started_ns;
        if (started_ns > 0 && now_ns - started_ns > longest_ns)
            longest_ns = now_ns - started_ns;
    }
    pthread_mutex_unlock(&s->lock);
    return longest_ns / NS_PER_MS;
}
