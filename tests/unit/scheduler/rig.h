/* A scheduler on the fake encoder, and what its `done` saw of each request. */
#ifndef SCHEDULER_RIG_H
#define SCHEDULER_RIG_H

#include "unit.h"

#include "scheduler/fake_encoder.h"

#include "base/clock.h"
#include "scheduler/scheduler.h"

#include <sched.h>
#include <stdatomic.h>

/* What `done` saw of one request, and the way to wait for it. */
typedef struct outcome {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned calls;
    aki_status status;
    size_t text_index;
    char message[512];
    float first[64]; /* of each vector */
    uint32_t tokens[64];
    bool truncated[64];
    size_t count;
    scheduler_level served_by;
    unsigned device_attempts;
    device_times device_times;
    size_t item_errors;
    scheduler_item_error items[8];
    scheduler_request *request;
} outcome;

static inline void outcome_init(outcome *o)
{
    memset(o, 0, sizeof *o);
    pthread_mutex_init(&o->lock, NULL);
    pthread_cond_init(&o->changed, NULL);
}

static inline void on_done(void *cookie, scheduler_request *request, const scheduler_result *result)
{
    outcome *o = cookie;
    pthread_mutex_lock(&o->lock);
    o->calls++;
    o->status = result->status;
    o->text_index = result->error.text_index;
    snprintf(o->message, sizeof o->message, "%s", result->error.message);
    o->count = result->count;
    o->served_by = result->served_by;
    o->device_attempts = result->device_attempts;
    o->device_times = result->device_times;
    o->item_errors = result->item_errors_count;
    for (size_t i = 0; i < result->item_errors_count && i < 8; i++)
        o->items[i] = result->item_errors[i];
    for (size_t i = 0; i < result->count && i < 64; i++) {
        o->first[i] = result->vectors[i * FAKE_DIMENSION];
        o->tokens[i] = result->info[i].tokens;
        o->truncated[i] = result->info[i].truncated;
    }
    pthread_cond_signal(&o->changed);
    pthread_mutex_unlock(&o->lock);
    (void)request;
}

static inline void outcome_wait(outcome *o)
{
    pthread_mutex_lock(&o->lock);
    while (o->calls == 0)
        pthread_cond_wait(&o->changed, &o->lock);
    pthread_mutex_unlock(&o->lock);
    scheduler_request_free(o->request);
    o->request = NULL;
}

static inline aki_text text_of(const char *text)
{
    return (aki_text){text, strlen(text)};
}

static inline float sum_of(const char *text)
{
    float sum = 0;
    for (size_t i = 0; i < strlen(text) && i < FAKE_MAX_TOKENS; i++)
        sum += (float)text[i];
    return sum;
}

static encoder enc;

static inline scheduler *open_scheduler(unsigned workers, size_t requests, size_t tokens, size_t bytes)
{
    fake_init(&enc);
    scheduler_settings settings = {.workers = workers,
                                   .max_queue_requests = requests,
                                   .max_queue_tokens = tokens,
                                   .max_queue_bytes = bytes};
    scheduler *s = NULL;
    aki_error error;
    assert_int_equal(scheduler_open(&s, &enc, &settings, &error), AKI_OK);
    return s;
}

static inline aki_status submit(scheduler *s, const char *const *texts, size_t count, int64_t deadline_ns,
                                outcome *o, aki_error *error)
{
    aki_text spans[64];
    for (size_t i = 0; i < count; i++)
        spans[i] = text_of(texts[i]);
    scheduler_submission submission = {
        .texts = spans, .count = count, .deadline_ns = deadline_ns, .done = on_done, .cookie = o};
    return scheduler_submit(s, &submission, &o->request, error);
}

static inline void submit_one(scheduler *s, const char *text, outcome *o)
{
    outcome_init(o);
    aki_error error;
    assert_int_equal(submit(s, &text, 1, 0, o, &error), AKI_OK);
}

#endif
