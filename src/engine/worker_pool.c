/* Jobs as a source of passes for a crew of the pool's own. */
#include "engine/worker_pool.h"

#include "base/error.h"
#include "base/memory.h"
#include "engine/crew.h"

/* Shares smaller than this are not worth a second worker: each reads all weights once, whatever the rows. */
#define SMALLEST_SHARE_TOKENS 64

/* One worker_pool_run under way; lives on its caller's stack. All fields under the crew's lock. */
typedef struct job {
    encoder_sequence *sequences;
    size_t count;
    size_t taken;          /* sequences handed to workers so far */
    size_t budget_tokens;  /* of each pass of this job */
    size_t passes_running; /* handed out and not yet finished */
    const volatile int *cancel;
    aki_status status; /* first failure */
    aki_error error;
    pthread_cond_t finished;
    struct job *next;
} job;

struct worker_pool {
    const encoder *enc;
    crew *workers;
    crew_source *source;
    job *first, *last; /* jobs with sequences not yet taken; under the crew's lock */
};

/* A worker's pass: some sequences of one job. */
typedef struct job_pass {
    job *of;
    encoder_sequence *sequences;
    size_t count;
    aki_status status;
    aki_error error;
} job_pass;

static bool waits(void *cookie)
{
    const worker_pool *pool = cookie;
    return pool->first != NULL;
}

static void offer(void *cookie, int64_t now_ns, turns_offer *out)
{
    out->of_class = TURNS_INTERACTIVE;
    out->start_ns = waits(cookie) ? now_ns : INT64_MAX;
}

/* True where the caller has given the job up: what no pass has taken is left out. */
static bool give_up(job *j)
{
    if (j->cancel == NULL || *j->cancel == 0)
        return false;
    if (j->status == AKI_OK)
        j->status =
            error_set(&j->error, AKI_CANCELLED, "cancelled after %zu of %zu texts", j->taken, j->count);
    j->taken = j->count;
    return true;
}

/* The next pass of the first job, without sequences where the job was given up; the job leaves the queue with its last one. */
static void take(void *cookie, void *pass, unsigned takers, int64_t now_ns)
{
    worker_pool *pool = cookie;
    job_pass *p = pass;
    job *j = pool->first;
    (void)takers; /* the job's budget gives each worker a share */
    (void)now_ns;
    p->of = j;
    p->sequences = j->sequences + j->taken;
    p->count = give_up(j) ? 0 : encoder_plan_tokens(p->sequences, j->count - j->taken, j->budget_tokens);
    j->taken += p->count;
    j->passes_running++;
    if (j->taken == j->count) {
        pool->first = j->next;
        pool->last = pool->first != NULL ? pool->last : NULL;
    }
}

static void compute(void *cookie, void *pass, crew_worker *w)
{
    job_pass *p = pass;
    (void)cookie;
    p->status = p->count > 0 ? crew_compute(w, p->sequences, p->count, NULL, &p->error) : AKI_OK;
}

static void settle(void *cookie, void *pass)
{
    const job_pass *p = pass;
    job *j = p->of;
    (void)cookie;
    if (p->status != AKI_OK && j->status == AKI_OK) {
        j->status = p->status;
        j->error = p->error;
    }
    if (--j->passes_running == 0 && j->taken == j->count)
        pthread_cond_signal(&j->finished);
}

static aki_status open_pass(void *cookie, void **pass, size_t *bytes, aki_error *error)
{
    (void)cookie;
    *pass = mem_zalloc(1, sizeof(job_pass));
    *bytes += sizeof(job_pass);
    return *pass != NULL ? AKI_OK : error_set(error, AKI_OUT_OF_MEMORY, "no memory for a worker");
}

static void close_pass(void *cookie, void *pass)
{
    (void)cookie;
    mem_free(pass);
}

aki_status worker_pool_open(worker_pool **out, const encoder *enc, unsigned threads, aki_error *error)
{
    *out = NULL;
    worker_pool *pool = mem_zalloc(1, sizeof *pool);
    if (pool == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for %u workers", threads);
    pool->enc = enc;
    aki_model_info info;
    encoder_describe(enc, &info);
    const crew_settings settings = {.threads = threads, .pinned = info.threads_pinned, .name = "aki-worker"};
    const crew_calls calls = {.waits = waits,
                              .offer = offer,
                              .take = take,
                              .settle = settle,
                              .compute = compute,
                              .open = open_pass,
                              .close = close_pass,
                              .cookie = pool};
    aki_status status = crew_open(&pool->workers, &settings, error);
    if (status == AKI_OK)
        status = crew_add(&pool->source, pool->workers, enc, &calls, error);
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
    crew_remove(pool->source);
    crew_close(pool->workers);
    mem_free(pool);
}

/* Passes small enough that every worker gets a share, large enough that reading the weights pays. */
static size_t pass_budget(const worker_pool *pool, const encoder_sequence *sequences, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += sequences[i].count;
    const unsigned threads = crew_threads(pool->workers);
    size_t share = (total + threads - 1) / threads;
    size_t most = encoder_max_pass_tokens(pool->enc);
    if (share < SMALLEST_SHARE_TOKENS)
        share = SMALLEST_SHARE_TOKENS;
    return share < most ? share : most;
}

aki_status worker_pool_run(worker_pool *pool, encoder_sequence *sequences, size_t count,
                           const volatile int *cancel, aki_error *error)
{
    if (count == 0)
        return AKI_OK;
    pthread_mutex_t *lock = crew_lock(pool->workers);
    job j = {.sequences = sequences,
             .count = count,
             .budget_tokens = pass_budget(pool, sequences, count),
             .cancel = cancel};
    pthread_cond_init(&j.finished, NULL);
    pthread_mutex_lock(lock);
    if (pool->last != NULL)
        pool->last->next = &j;
    else
        pool->first = &j;
    pool->last = &j;
    crew_call(pool->workers, crew_threads(pool->workers));
    while (j.taken < j.count || j.passes_running > 0)
        pthread_cond_wait(&j.finished, lock);
    pthread_mutex_unlock(lock);
    pthread_cond_destroy(&j.finished);
    if (j.status != AKI_OK && error != NULL)
        *error = j.error;
    return j.status;
}
