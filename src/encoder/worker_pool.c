/* A worker without a pass of its own helps with the pass of another one: so a single text is computed by all of them, and
 * none is idle while the last pass of a job is under way. What is queued goes before help: helpers leave for it. */
#include "encoder/worker_pool.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/thread.h"

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
    /* Under the pool's lock: */
    bool wants_help;  /* computes a pass that others can join */
    unsigned helpers; /* how many do */
    uint64_t pass;    /* number of that pass */
} worker;

struct worker_pool {
    const encoder *enc;
    pthread_mutex_t lock;
    pthread_cond_t work; /* a job was queued, or the pool closes */
    job *first, *last;   /* jobs with sequences not yet taken */
    bool closing;
    unsigned idle;        /* workers that wait for `work` */
    uint64_t passes;      /* begun so far */
    atomic_uint has_jobs; /* nonzero while jobs has any: helpers look at it without the lock */
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
            atomic_store(&pool->has_jobs, 0);
        }
    }
    return j;
}

/* With the lock held, which is let go during the pass. */
static void compute_pass(worker *self)
{
    worker_pool *pool = self->pool;
    encoder_sequence *sequences;
    size_t count;
    job *j = take_pass(pool, &sequences, &count);
    /* Those that are idle and those that are about to find nothing to take. */
    unsigned workers = pool->first == NULL ? 1 + pool->idle : 1;
    aki_error error;
    aki_status status = encoder_team_begin(pool->enc, self->state, sequences, count, workers, &error);
    if (status == AKI_OK) {
        self->wants_help = true;
        self->pass = ++pool->passes;
        pthread_mutex_unlock(&pool->lock);
        status = encoder_team_run(pool->enc, self->state, sequences, count, &error);
        pthread_mutex_lock(&pool->lock);
        self->wants_help = false;
    }
    if (status != AKI_OK && j->status == AKI_OK) {
        j->status = status;
        j->error = error;
    }
    if (--j->passes_running == 0 && j->taken == j->count)
        pthread_cond_signal(&j->finished);
}

/* The worker with the fewest helpers of those that want any; NULL = none does. Lock held. */
static worker *find_leader(const worker_pool *pool)
{
    worker *best = NULL;
    for (unsigned i = 0; i < pool->threads; i++) {
        worker *w = &pool->workers[i];
        if (w->wants_help && w->helpers + 1 < ENCODER_MOST_TEAM &&
            (best == NULL || w->helpers < best->helpers))
            best = w;
    }
    return best;
}

/* With the lock held, which is let go meanwhile. */
static void help(worker *self, worker *leader)
{
    worker_pool *pool = self->pool;
    const uint64_t pass = leader->pass;
    leader->helpers++;
    pthread_mutex_unlock(&pool->lock);
    encoder_team_help(pool->enc, self->state, leader->state, &pool->has_jobs);
    pthread_mutex_lock(&pool->lock);
    leader->helpers--;
    /* Back for any other reason than work that waits: the pass has nothing more to give. */
    if (leader->pass == pass && pool->first == NULL)
        leader->wants_help = false;
}

static void *work(void *argument)
{
    worker *self = argument;
    worker_pool *pool = self->pool;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        worker *leader;
        if (pool->first != NULL) {
            compute_pass(self);
        } else if ((leader = find_leader(pool)) != NULL) {
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
    if (pool->workers == NULL)
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
    for (unsigned i = 0; i < pool->threads; i++) {
        if (pool->workers[i].started)
            pthread_join(pool->workers[i].thread, NULL);
        encoder_state_close(pool->workers[i].state);
    }
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
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
    atomic_store(&pool->has_jobs, 1);
    pthread_cond_broadcast(&pool->work);
    while (j.taken < j.count || j.passes_running > 0)
        pthread_cond_wait(&j.finished, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
    pthread_cond_destroy(&j.finished);
    if (j.status != AKI_OK && error != NULL)
        *error = j.error;
    return j.status;
}
