/* A worker without a pass of its own helps with the pass of another one: so a single text is computed by all of them, and
 * none is idle while the last pass of a job is under way. What is queued goes before help: helpers leave for it. */
#include "engine/worker_pool.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/thread.h"
#include "engine/help_desk.h"

#include <errno.h>

/* Shares smaller than this are not worth a second worker: each reads all weights once, whatever the rows. */
#define SMALLEST_SHARE_TOKENS 64

/* One worker_pool_run under way; lives on its caller's stack. All fields under the pool's lock. */
typedef struct job {
    encoder_sequence *sequences;
    size_t count;
    size_t taken;          /* sequences handed to workers so far */
    size_t budget_tokens;  /* of each pass of this job */
    size_t passes_running; /* handed out and not yet finished */
    aki_status status;     /* first failure */
    aki_error error;
    pthread_cond_t finished;
    struct job *next;
} job;

typedef struct worker {
    worker_pool *pool;
    encoder_state *state;
    pthread_t thread;
    bool started;
} worker;

struct worker_pool {
    const encoder *enc;
    pthread_mutex_t lock;
    pthread_cond_t work; /* a job was queued, or the pool closes */
    job *first, *last;   /* jobs with sequences not yet taken */
    bool closing;
    unsigned idle;  /* workers that wait for `work` */
    help_desk desk; /* calls helpers away while there are jobs */
    unsigned threads;
    worker *workers; /* [threads] */
};

/* Takes the next pass of the first job; the job leaves the queue with its last sequence. Lock held. */
static job *take_pass(worker_pool *pool, encoder_sequence **sequences, size_t *count)
{
    job *j = pool->first;
    *sequences = j->sequences + j->taken;
    *count = encoder_plan_tokens(*sequences, j->count - j->taken, j->budget_tokens);
    j->taken += *count;
    j->passes_running++;
    if (j->taken == j->count) {
        pool->first = j->next;
        if (pool->first == NULL) {
            pool->last = NULL;
            atomic_store(&pool->desk.call_away, 0);
        }
    }
    return j;
}

/* With the lock held, which is let go during the pass. */
static void compute_pass(worker *self)
{
    worker_pool *pool = self->pool;
    const unsigned index = (unsigned)(self - pool->workers);
    encoder_sequence *sequences;
    size_t count;
    job *j = take_pass(pool, &sequences, &count);
    aki_error error;
    aki_status status = encoder_team_begin(pool->enc, self->state, sequences, count,
                                           pool->first == NULL ? help_desk_team(pool->idle) : 1, &error);
    if (status == AKI_OK) {
        help_desk_ask(&pool->desk, index);
        pthread_mutex_unlock(&pool->lock);
        status = encoder_team_run(pool->enc, self->state, sequences, count, &error);
        pthread_mutex_lock(&pool->lock);
        help_desk_thank(&pool->desk, index);
    }
    if (status != AKI_OK && j->status == AKI_OK) {
        j->status = status;
        j->error = error;
    }
    if (--j->passes_running == 0 && j->taken == j->count)
        pthread_cond_signal(&j->finished);
}

/* With the lock held, which is let go meanwhile. */
static void help(worker *self, unsigned leader)
{
    worker_pool *pool = self->pool;
    const uint64_t pass = help_desk_enter(&pool->desk, leader);
    pthread_mutex_unlock(&pool->lock);
    encoder_team_help(pool->enc, self->state, pool->workers[leader].state, &pool->desk.call_away);
    pthread_mutex_lock(&pool->lock);
    help_desk_leave(&pool->desk, leader, pass);
}

static void *work(void *argument)
{
    worker *self = argument;
    worker_pool *pool = self->pool;
    encoder_pin_worker(pool->enc, (unsigned)(self - pool->workers));
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        unsigned leader;
        if (pool->first != NULL) {
            compute_pass(self);
        } else if (help_desk_find(&pool->desk, &leader)) {
            help(self, leader);
        } else if (pool->closing) {
            break;
        } else {
            pool->idle++;
            pthread_cond_wait(&pool->work, &pool->lock);
            pool->idle--;
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

aki_status worker_pool_open(worker_pool **out, const encoder *enc, unsigned threads, aki_error *error)
{
    *out = NULL;
    worker_pool *pool = mem_zalloc(1, sizeof *pool);
    if (pool == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for %u workers", threads);
    pool->enc = enc;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    aki_status status = AKI_OK;
    pool->workers = mem_zalloc(threads, sizeof *pool->workers);
    if (pool->workers == NULL || !help_desk_open(&pool->desk, threads))
        status = error_set(error, AKI_OUT_OF_MEMORY, "no memory for %u workers", threads);
    else
        pool->threads = threads;
    for (unsigned i = 0; i < threads && status == AKI_OK; i++) {
        worker *w = &pool->workers[i];
        w->pool = pool;
        status = encoder_state_open(&w->state, enc, error);
        if (status != AKI_OK)
            break;
        w->started = thread_start(&w->thread, work, w, "aki-worker");
        if (!w->started)
            status = error_set_errno(error, AKI_OUT_OF_MEMORY, errno, "cannot start worker %u of %u", i + 1,
                                     threads);
    }
    if (status != AKI_OK) {
        worker_pool_close(pool);
        return status;
    }
    *out = pool;
    return AKI_OK;
}

void worker_pool_close(worker_pool *pool)
{
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->threads; i++)
        if (pool->workers[i].started)
            pthread_join(pool->workers[i].thread, NULL);
    for (unsigned i = 0; i < pool->threads; i++) /* only now: one may be on its way to help another */
        encoder_state_close(pool->workers[i].state);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    help_desk_close(&pool->desk);
    mem_free(pool->workers);
    mem_free(pool);
}

/* Passes small enough that every worker gets a share, large enough that reading the weights pays. */
static size_t pass_budget(const worker_pool *pool, const encoder_sequence *sequences, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += sequences[i].count;
    size_t share = (total + pool->threads - 1) / pool->threads;
    size_t most = encoder_max_pass_tokens(pool->enc);
    if (share < SMALLEST_SHARE_TOKENS)
        share = SMALLEST_SHARE_TOKENS;
    return share < most ? share : most;
}

aki_status worker_pool_run(worker_pool *pool, encoder_sequence *sequences, size_t count, aki_error *error)
{
    if (count == 0)
        return AKI_OK;
    job j = {.sequences = sequences, .count = count, .budget_tokens = pass_budget(pool, sequences, count)};
    pthread_cond_init(&j.finished, NULL);
    pthread_mutex_lock(&pool->lock);
    if (pool->last != NULL)
        pool->last->next = &j;
    else
        pool->first = &j;
    pool->last = &j;
    atomic_store(&pool->desk.call_away, 1);
    pthread_cond_broadcast(&pool->work);
    while (j.taken < j.count || j.passes_running > 0)
        pthread_cond_wait(&j.finished, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
    pthread_cond_destroy(&j.finished);
    if (j.status != AKI_OK && error != NULL)
        *error = j.error;
    return j.status;
}
