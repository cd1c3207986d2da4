#include "serving/probe.h"

#include "base/error.h"
#include "base/memory.h"
#include "serving/vector_check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define LOG_TARGET "health"

/* Levels at which a device computes: SCHEDULER_LEVEL_GPU and SCHEDULER_LEVEL_CPU. */
#define DEVICES 2

struct probe {
    log_sink log;
    size_t dimension;
    bool classifies;         /* the vectors are a classifier's logits */
    aki_precision precision; /* of the CPU */
    float *vectors;          /* [1 + DEVICES][dimension] f32: the first reply, and each device's own */
    atomic_bool known[DEVICES];
    atomic_bool judged_wrong; /* the probe under way found a wrong vector */
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
    mem_free(p->vectors);
    mem_free(p);
}

static float *known_vector(const probe *p, scheduler_level level)
{
    return p->vectors + (1 + (size_t)(level - SCHEDULER_LEVEL_GPU)) * p->dimension;
}

static bool agrees(const probe *p, const float *vector, const float *expected, bool across)
{
    if (p->classifies)
        return vector_logits_agree(vector, expected, p->dimension, p->precision, across);
    return across ? vector_agrees_across(vector, expected, p->dimension, p->precision)
                  : vector_agrees(vector, expected, p->dimension);
}

/* Compares a device's first vector with the CPU's, where that is known. Probes run one at a time, so nothing else
 * writes. */
static bool judge(void *cookie, scheduler_level level, const float *vector)
{
    probe *p = cookie;
    const size_t device = (size_t)(level - SCHEDULER_LEVEL_GPU),
                 cpu = SCHEDULER_LEVEL_CPU - SCHEDULER_LEVEL_GPU;
    bool right = true;
    if (atomic_load(&p->known[device])) {
        right = agrees(p, vector, known_vector(p, level), false);
    } else {
        if (atomic_load(&p->known[cpu]))
            right = agrees(p, vector, known_vector(p, SCHEDULER_LEVEL_CPU), true);
        if (right)
            memcpy(known_vector(p, level), vector, p->dimension * sizeof *vector);
        atomic_store(&p->known[device], right);
    }
    if (!right)
        atomic_store(&p->judged_wrong, true);
    return right;
}

/* Computes the vector on the CPU, not by the scheduler, which would use the GPU. */
static aki_status compute_on_cpu(probe *p, const encoder *enc, aki_error *error)
{
    const aki_text text = {reference_text, strlen(reference_text)};
    encoder_state *state = NULL;
    token_span tokens;
    tokenizer_scratch *scratch = tokenizer_scratch_open();
    aki_status status = scratch != NULL ? encoder_tokenize(enc, scratch, text, false, &tokens, error)
                                        : error_set(error, AKI_OUT_OF_MEMORY, "no memory to tokenize");
    if (status == AKI_OK)
        status = encoder_state_open(&state, enc, error);
    if (status == AKI_OK) {
        encoder_sequence sequence = {
            .ids = tokens.ids, .count = tokens.count, .vector = known_vector(p, SCHEDULER_LEVEL_CPU)};
        status = encoder_run(enc, state, &sequence, 1, error);
        /* NaN: there is nothing to compare with */
        atomic_store(&p->known[SCHEDULER_LEVEL_CPU - SCHEDULER_LEVEL_GPU],
                     status == AKI_OK && sequence.status == AKI_OK);
    }
    encoder_state_close(state);
    tokenizer_scratch_close(scratch);
    return status;
}

/* Where the CPU is the only device there is no other vector to compare its first one with. */
static aki_status submit(probe *p, scheduler *work, scheduler_judge_fn judge_by, scheduler_done_fn done,
                         aki_error *error)
{
    const aki_text text = {reference_text, strlen(reference_text)};
    const scheduler_submission submission = {
        .texts = &text, .count = 1, .probe = true, .judge = judge_by, .done = done, .cookie = p};
    scheduler_request *request;
    return scheduler_submit(work, &submission, &request, error);
}

static void keep_first(probe *p, const scheduler_result *result)
{
    const size_t cpu = SCHEDULER_LEVEL_CPU - SCHEDULER_LEVEL_GPU, bytes = p->dimension * sizeof *p->vectors;
    memcpy(p->vectors, result->vectors, bytes);
    if (result->served_by == SCHEDULER_LEVEL_CPU && !atomic_load(&p->known[cpu])) {
        memcpy(known_vector(p, SCHEDULER_LEVEL_CPU), result->vectors, bytes);
        atomic_store(&p->known[cpu], true);
    }
}

static void on_first(void *cookie, scheduler_request *request, const scheduler_result *result)
{
    probe *p = cookie;
    pthread_mutex_lock(&p->lock);
    p->status = result->status;
    p->error = result->error;
    if (result->status == AKI_OK)
        keep_first(p, result);
    p->first_ended = true;
    pthread_cond_signal(&p->ended);
    pthread_mutex_unlock(&p->lock);
    scheduler_request_free(request);
}

aki_status probe_first(probe *p, scheduler *work, const encoder *enc, aki_precision precision,
                       const float **vector, aki_error *error)
{
    size_t floats;
    p->dimension = encoder_dimension(enc);
    p->classifies = encoder_task(enc) == AKI_TASK_CLASSIFY;
    p->precision = precision;
    if (size_mul(p->dimension, 1 + DEVICES, &floats))
        p->vectors = mem_zalloc(floats, sizeof *p->vectors);
    if (p->vectors == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for a vector");
    aki_status status = AKI_OK;
    const bool gpu = scheduler_primary(work) == SCHEDULER_LEVEL_GPU;
    if (gpu)
        status = compute_on_cpu(p, enc, error);
    if (status == AKI_OK)
        status = submit(p, work, gpu ? judge : NULL, on_first, error);
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
    *vector = p->vectors;
    return p->status;
}

static void conclude(probe *p, bool right, const char *reason)
{
    const probe_outcome last = atomic_exchange(&p->last, right ? PROBE_RIGHT : PROBE_WRONG);
    atomic_fetch_add(right ? &p->right : &p->wrong, 1);
    if (!right && last != PROBE_WRONG)
        log_write(&p->log, AKI_LOG_ERROR, LOG_TARGET, "not ready: the health probe failed: %s", reason);
    else if (right && last == PROBE_WRONG)
        log_write(&p->log, AKI_LOG_INFO, LOG_TARGET, "the health probe's vector is right again");
    atomic_store(&p->under_way, false);
}

static void on_done(void *cookie, scheduler_request *request, const scheduler_result *result)
{
    probe *p = cookie;
    if (result->status == AKI_CANCELLED) /* the service is stopping, which says nothing */
        atomic_store(&p->under_way, false);
    else if (atomic_exchange(&p->judged_wrong, false))
        conclude(p, false, "a device computed another vector than the same text had at the start");
    else
        conclude(p, result->status == AKI_OK, result->error.message);
    scheduler_request_free(request);
}

void probe_begin(probe *p, scheduler *work)
{
    aki_error error;
    if (atomic_exchange(&p->under_way, true))
        return;
    aki_status status = submit(p, work, judge, on_done, &error);
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

/* Long enough that each worker takes a text of its own, behind a number: equal texts would be computed once, by one worker. */
#define TEXT                                                                                                 \
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "      \
    "seventeen eighteen nineteen twenty one two three four five six seven eight nine ten eleven twelve "     \
    "thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty one two three four five six "      \
    "seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen "      \
    "twenty one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
#define TEXT_BYTES (sizeof TEXT + 24)
/* A lower bound of the tokens of TEXT, for any tokenizer. */
#define TEXT_TOKENS 90
/* A pass of 1 / LONG_PASS of a full one is long enough for the measured speed (work_time.h). */
#define LONG_PASS 3

typedef struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
    aki_status status;
    aki_error error;
} waiter;

static void on_warm_up_done(void *cookie, scheduler_request *request, const scheduler_result *result)
{
    (void)request;
    waiter *w = cookie;
    pthread_mutex_lock(&w->lock);
    w->status = result->status;
    w->error = result->error;
    w->done = true;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

/* One text for each of `count` requests, and its outcome. */
static aki_status compute(scheduler *s, const aki_text *texts, size_t count, bool calibrates,
                          aki_error *error)
{
    waiter w = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    scheduler_submission submission = {.texts = texts,
                                       .count = count,
                                       .probe = true,
                                       .calibrates = calibrates,
                                       .done = on_warm_up_done,
                                       .cookie = &w};
    scheduler_request *request;
    aki_status status = scheduler_submit(s, &submission, &request, error);
    if (status != AKI_OK)
        return status;
    pthread_mutex_lock(&w.lock);
    while (!w.done)
        pthread_cond_wait(&w.changed, &w.lock);
    pthread_mutex_unlock(&w.lock);
    scheduler_request_free(request);
    if (w.status != AKI_OK && error != NULL)
        *error = w.error;
    return w.status;
}

aki_status warm_up(scheduler *s, unsigned workers, size_t pass_tokens, aki_error *error)
{
    const size_t per_worker = 1 + pass_tokens / LONG_PASS / TEXT_TOKENS, count = workers * per_worker;
    aki_text *texts = mem_alloc(count, sizeof *texts);
    char *written = mem_alloc(count, TEXT_BYTES);
    aki_status status = AKI_OK;
    if (texts == NULL || written == NULL)
        status = error_set(error, AKI_OUT_OF_MEMORY, "no memory for the first inference");
    for (size_t i = 0; i < count && status == AKI_OK; i++) {
        char *text = written + i * TEXT_BYTES;
        texts[i] = (aki_text){text, (size_t)snprintf(text, TEXT_BYTES, "%zu " TEXT, i)};
    }
    if (status == AKI_OK)
        status = compute(s, texts, workers, false, error);
    if (status == AKI_OK)
        status = compute(s, texts, count, true, error);
    mem_free(written);
    mem_free(texts);
    return status;
}
