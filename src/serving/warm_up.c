#include "serving/warm_up.h"

#include "base/error.h"
#include "base/memory.h"

#include <pthread.h>
#include <stdio.h>

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

static void on_done(void *cookie, scheduler_request *request, const scheduler_result *result)
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
                                       .done = on_done,
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
