/* Opening, submitting and stopping: what other threads do with the queue that the workers serve. */
#include "scheduler/scheduler.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "scheduler/scheduler_internal.h"

static aki_status open_cache(scheduler *s, const scheduler_settings *settings, aki_error *error)
{
    scheduler_resilience resilience;
    scheduler_resilience_init(&resilience);
    if (settings->resilience != NULL)
        resilience = *settings->resilience;
    device_chain_init(&s->chain, s->enc, &resilience, &s->log, clock_monotonic_ns());
    size_t bytes = settings->cache_bytes;
    if (bytes == 0 && device_chain_primary(&s->chain) == SCHEDULER_LEVEL_GPU)
        bytes = resilience.fallback_cache_bytes;
    if (bytes == 0)
        return AKI_OK;
    s->cache = result_cache_open(bytes, encoder_dimension(s->enc));
    return s->cache != NULL
               ? AKI_OK
               : error_set(error, AKI_OUT_OF_MEMORY, "no memory for a cache of %zu bytes", bytes);
}

/* The crew that the settings name, or else one of the scheduler's own. */
static aki_status join_crew(scheduler *s, const scheduler_settings *settings, aki_error *error)
{
    s->workers = settings->crew;
    if (s->workers == NULL) {
        aki_model_info info;
        encoder_describe(s->enc, &info);
        const crew_settings own = {.threads = settings->workers,
                                   .pinned = info.threads_pinned,
                                   .name = SCHEDULER_THREAD_NAME,
                                   .log = settings->log};
        const aki_status status = crew_open(&s->workers, &own, error);
        if (status != AKI_OK)
            return status;
        s->owns_workers = true;
    }
    s->lock = crew_lock(s->workers);
    return AKI_OK;
}

static void configure(scheduler *s, const scheduler_settings *given)
{
    scheduler_settings settings = *given;
    settings.workers = crew_threads(s->workers);
    admission_init(&s->gate, &settings);
    s->q.max_requests = settings.max_queue_requests;
    s->q.max_tokens = settings.max_queue_tokens;
    s->q.max_bytes = settings.max_queue_bytes;
    s->q.max_pass_tokens = encoder_max_pass_tokens(s->enc);
    s->fills_passes = encoder_fills_passes(s->enc);
    s->q.window_ns = settings.batch_window_ms * NS_PER_MS;
    s->q.time = (work_time){.workers = settings.workers,
                            .full_pass_tokens = s->q.max_pass_tokens,
                            .least_ns = settings.request_timeout_ms * NS_PER_MS,
                            .most_ns = settings.max_request_time_ms * NS_PER_MS};
    s->q.inference_timeout_ns =
        settings.inference_timeout_ms > 0 ? settings.inference_timeout_ms * NS_PER_MS : INT64_MAX;
}

aki_status scheduler_open(scheduler **out, const encoder *enc, const scheduler_settings *settings,
                          aki_error *error)
{
    *out = NULL;
    scheduler *s = mem_zalloc_aligned(1, sizeof *s); /* the breakers in it have cache lines of their own */
    if (s == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the scheduler");
    s->enc = enc;
    s->log = settings->log;
    s->on_pass = settings->on_pass;
    s->on_pass_cookie = settings->on_pass_cookie;
    scratch_pool_init(&s->scratches);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&s->halt, &attributes);
    pthread_condattr_destroy(&attributes);
    aki_status status = join_crew(s, settings, error);
    if (status == AKI_OK) {
        configure(s, settings);
        status = open_cache(s, settings, error);
    }
    s->context = (request_context){.enc = enc,
                                   .scratches = &s->scratches,
                                   .hash_key = siphash_random_key(),
                                   .cache = s->cache,
                                   .cache_first = settings->cache_bytes > 0};
    if (status == AKI_OK)
        status = source_add(s, error);
    if (status != AKI_OK) {
        scheduler_close(s);
        return status;
    }
    log_write(&s->log, AKI_LOG_DEBUG, "scheduler", "%u workers, passes of up to %zu tokens",
              crew_threads(s->workers), encoder_max_pass_tokens(enc));
    *out = s;
    return AKI_OK;
}

void scheduler_stop(scheduler *s, bool abandon)
{
    if (s->source == NULL)
        return;
    pthread_mutex_lock(s->lock);
    s->stopping = true;
    while (abandon && !queue_is_empty(&s->q)) {
        aki_error error;
        error_set(&error, AKI_CANCELLED, "the service stopped before the request was done");
        queue_drop(&s->q, deadline_heap_first(&s->q.deadlines), &error, clock_monotonic_ns());
    }
    pthread_cond_broadcast(&s->halt);
    pthread_mutex_unlock(s->lock);
    crew_drain(s->source);
    crew_source *source = s->source;
    pthread_mutex_lock(s->lock);
    s->source = NULL;
    pthread_mutex_unlock(s->lock);
    crew_remove(source);
}

void scheduler_close(scheduler *s)
{
    if (s == NULL)
        return;
    scheduler_stop(s, true);
    if (s->owns_workers)
        crew_close(s->workers);
    queue_free(&s->q);
    result_cache_close(s->cache);
    pthread_cond_destroy(&s->halt);
    scratch_pool_destroy(&s->scratches);
    mem_free(s);
}

/* Lock held. */
static aki_status admit(scheduler *s, const admission_request *request, bool probe, aki_error *error)
{
    if (s->stopping)
        return error_set(error, AKI_CANCELLED, "the service is stopping and takes no new work");
    if (probe)
        return AKI_OK;
    s->gate.sharers = crew_sharers(s->source);
    return admission_check(&s->gate, &s->q, request, s->running_tokens, clock_monotonic_ns(), error);
}

/* Wakes as many workers as the request gives a share to. Lock held. */
static void wake(scheduler *s, size_t tokens)
{
    crew_call(s->workers, 1 + (tokens - 1) / QUEUE_SMALLEST_SHARE_TOKENS);
}

/* Lock held. */
static void count_accepted(scheduler *s, const scheduler_request *request)
{
    if (request->probe)
        return;
    scheduler_class_stats *of_class =
        request->priority == SCHEDULER_PRIORITY_BULK ? &s->counters.bulk : &s->counters.interactive;
    of_class->requests++;
    of_class->tokens += request->tokens;
    s->counters.equal_texts += request->copies_count;
    s->counters.uncomputed += request->count == 0;
}

aki_status scheduler_admits(scheduler *s, const scheduler_submission *submission, aki_error *error)
{
    admission_request asked = {.priority = submission->priority,
                               .client = submission->client,
                               .begin_by_ns = submission->begin_by_ns,
                               .deadline_ns = submission->deadline_ns,
                               .texts = submission->count,
                               .tokens = submission->count};
    pthread_mutex_lock(s->lock);
    aki_status status = admit(s, &asked, submission->probe, error);
    pthread_mutex_unlock(s->lock);
    return status;
}

aki_status scheduler_submit(scheduler *s, const scheduler_submission *submission, scheduler_request **out,
                            aki_error *error)
{
    *out = NULL;
    /* A request that admission refuses in any case costs no tokenizing. */
    aki_status status = scheduler_admits(s, submission, error);
    if (status != AKI_OK)
        return status;
    scheduler_request *request;
    request_context context = s->context;
    if (submission->probe)
        context.cache = NULL;
    status = request_open(&request, &context, submission, error);
    if (status != AKI_OK)
        return status;
    request->owner = s;
    bool computes = request->count > 0;
    pthread_mutex_lock(s->lock);
    if (computes) {
        admission_request asked = {.priority = request->priority,
                                   .client = submission->client,
                                   .begin_by_ns = submission->begin_by_ns,
                                   .deadline_ns = submission->deadline_ns,
                                   .texts = submission->count,
                                   .tokens = request->tokens,
                                   .bytes = request->bytes};
        status = admit(s, &asked, submission->probe, error);
        if (status == AKI_OK)
            status = queue_push(&s->q, request, error);
    }
    if (status == AKI_OK) {
        *out = request;
        count_accepted(s, request);
        if (computes) {
            admission_enter(&s->gate, request);
            if (!request->probe && request->priority == SCHEDULER_PRIORITY_INTERACTIVE)
                crew_note_interactive(s->workers, request->submitted_ns);
            wake(s, request->tokens);
        }
    }
    pthread_mutex_unlock(s->lock);
    if (status != AKI_OK) {
        scheduler_request_free(request);
    } else if (!computes) {
        request_complete(request);
        request->done(request->cookie, request, &request->result);
    }
    return status;
}

void scheduler_cancel(scheduler_request *request)
{
    scheduler *s = request->owner;
    aki_error error;
    error_set(&error, AKI_CANCELLED, "the client went away");
    pthread_mutex_lock(s->lock);
    queue_drop(&s->q, request, &error, clock_monotonic_ns());
    crew_call(s->workers, 1);
    pthread_mutex_unlock(s->lock);
}
