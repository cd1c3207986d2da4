/* The threads around the queue. One lock guards everything that changes; tokenizing, passes and `done` run outside it.
 *
 * A worker's round: hand out one finished request, or else drop what has expired, take a pass, compute it, book it.
 * Finished requests go first, so that replies leave before the next pass begins. With nothing to take, it helps with the
 * pass of another worker: so a short text alone is computed by all of them. */
#include "scheduler/scheduler.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/thread.h"
#include "encoder/help_desk.h"
#include "scheduler/admission.h"
#include "scheduler/pass_runner.h"

#include <errno.h>

typedef struct worker {
    scheduler *owner;
    encoder_state *state;
    device_lane *lane; /* to the device beyond the CPU; NULL until it is needed */
    pass work;
    int64_t pass_started_ns; /* 0 = none under way; under the lock */
    pthread_t thread;
    bool started;
} worker;

struct scheduler {
    const encoder *enc;
    log_sink log;
    scratch_pool scratches;
    request_context context;
    result_cache *cache; /* NULL = none */
    device_chain chain;
    unsigned workers_count;
    worker *workers; /* [workers_count] */
    void (*on_pass)(void *cookie, const scheduler_pass *done);
    void *on_pass_cookie;

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t work;  /* something was queued or finished, or the workers are to stop */
    pthread_cond_t halt;  /* `stopping` was set */
    queue q;
    unsigned idle; /* workers that wait */
    help_desk desk;
    size_t running_tokens;
    admission gate;
    scheduler_stats counters; /* of what queue and gate do not count */
    bool stopping, stopped;
};

/* Lock held. */
static void count_fallback(scheduler *s, const scheduler_result *result)
{
    if (result->status == AKI_OK && result->served_by > device_chain_primary(&s->chain))
        s->counters.fallbacks[result->served_by]++;
    s->counters.fallbacks[SCHEDULER_LEVEL_NONE] += result->status == AKI_UNAVAILABLE;
}

static void deliver(scheduler *s, scheduler_request *request)
{
    count_fallback(s, &request->result);
    admission_leave(&s->gate, request, clock_monotonic_ns());
    pthread_mutex_unlock(&s->lock);
    request_complete(request);
    request->done(request->cookie, request, &request->result); /* frees it, maybe */
    pthread_mutex_lock(&s->lock);
}

const char *scheduler_level_name(scheduler_level level)
{
    static const char *const names[] = {"none", "gpu", "cpu", "cache"};
    return names[level < SCHEDULER_LEVEL_COUNT ? level : SCHEDULER_LEVEL_NONE];
}

static void count_pass(scheduler *s, const pass *p)
{
    s->counters.passes++;
    s->counters.computed_texts += p->count;
    s->counters.computed_tokens += p->tokens;
    s->counters.equal_texts += p->owners_count - p->count;
}

/* The vectors to those who share them and, if they are the best device's, to the cache. Without the lock. */
static void hand_out(scheduler *s, const pass *p)
{
    pass_spread(p);
    const bool keep = s->cache != NULL && p->level == device_chain_primary(&s->chain);
    for (size_t i = 0; i < p->owners_count && keep; i++)
        if (p->sequences[p->owners[i].computed].status == AKI_OK)
            request_keep(p->owners[i].request, p->owners[i].index, s->cache);
}

/* Texts of the pass without those of health probes, which are nobody's load. */
static size_t requested_texts(const pass *p)
{
    size_t texts = p->count;
    for (size_t i = 0; i < p->owners_count && texts > 0; i++)
        texts -= p->owners[i].request->probe;
    return texts;
}

static void report(const scheduler *s, const pass *p, int64_t duration_ns)
{
    const size_t texts = requested_texts(p);
    if (s->on_pass != NULL && texts > 0)
        s->on_pass(s->on_pass_cookie, &(scheduler_pass){.texts = texts,
                                                        .tokens = p->tokens,
                                                        .budget_tokens = s->q.max_pass_tokens,
                                                        .duration_ns = duration_ns,
                                                        .level = p->level,
                                                        .times = p->times});
}

/* Lets others join the pass that worker `index` has begun, and wakes those that have nothing else to do. Lock held. */
static void ask_for_help(scheduler *s, unsigned index)
{
    help_desk_ask(&s->desk, index);
    for (unsigned i = 1; queue_is_empty(&s->q) && i < help_desk_team(s->idle); i++)
        pthread_cond_signal(&s->work);
}

/* Helps with another worker's pass, with the lock let go meanwhile, until there is something better to do. */
static void help(scheduler *s, worker *self, unsigned leader)
{
    atomic_store(&s->desk.call_away, 0);
    const uint64_t helped = help_desk_enter(&s->desk, leader);
    pthread_mutex_unlock(&s->lock);
    encoder_team_help(s->enc, self->state, s->workers[leader].state, &s->desk.call_away);
    pthread_mutex_lock(&s->lock);
    help_desk_leave(&s->desk, leader, helped);
}

/* Something was queued or finished: `shares` workers are to look, whether they wait or help. Lock held. */
static void call(scheduler *s, size_t shares)
{
    atomic_store(&s->desk.call_away, 1);
    for (size_t i = 0; i < shares && i < s->idle; i++)
        pthread_cond_signal(&s->work);
}

/* For pass_runner: the worker's pass on the CPU, with those who come to help. */
static aki_status compute_on_cpu(void *cookie, aki_error *error)
{
    worker *self = cookie;
    scheduler *s = self->owner;
    pass *p = &self->work;
    pthread_mutex_lock(&s->lock);
    aki_status status = encoder_team_begin(s->enc, self->state, p->sequences, p->count,
                                           queue_is_empty(&s->q) ? help_desk_team(s->idle) : 1, error);
    p->gathered_ns = p->traced ? clock_monotonic_ns() : 0;
    if (status == AKI_OK)
        ask_for_help(s, (unsigned)(self - s->workers));
    pthread_mutex_unlock(&s->lock);
    return status == AKI_OK ? encoder_team_run(s->enc, self->state, p->sequences, p->count, error) : status;
}

/* For pass_runner. */
static bool pause_worker(void *cookie, int64_t until_ns)
{
    const worker *self = cookie;
    scheduler *s = self->owner;
    const struct timespec until = {.tv_sec = until_ns / NS_PER_S, .tv_nsec = until_ns % NS_PER_S};
    pthread_mutex_lock(&s->lock);
    while (!s->stopping && pthread_cond_timedwait(&s->halt, &s->lock, &until) != ETIMEDOUT)
        ;
    const bool going = !s->stopping;
    pthread_mutex_unlock(&s->lock);
    return going;
}

/* Books when the pass was, once in each request that has texts in it and is traced. Lock held. */
static void note_times(const pass *p, const scheduler_pass_times *times)
{
    for (size_t i = 0; i < p->owners_count; i++) {
        scheduler_request *request = p->owners[i].request;
        scheduler_times *of_request = &request->result.times;
        if (!request->traced || request->noted_ns == times->begun_ns)
            continue;
        request->noted_ns = times->begun_ns;
        if (of_request->first_pass_ns == 0 || times->begun_ns < of_request->first_pass_ns)
            of_request->first_pass_ns = times->begun_ns;
        of_request->passes++;
        if (times->handed_ns > of_request->last.handed_ns)
            of_request->last = *times;
    }
}

/* When the steps of a traced pass were: the CPU's as they were read, another device's from its durations. */
static void place_steps(const pass *p, scheduler_pass_times *times)
{
    if (p->level == SCHEDULER_LEVEL_GPU) {
        times->gathered_ns = times->begun_ns + p->times.transfer_in_ns;
        times->steps.forward_ns = times->gathered_ns + p->times.forward_ns;
        times->steps.pooled_ns = times->steps.normalized_ns = times->ended_ns - p->times.transfer_out_ns;
    } else {
        times->gathered_ns = p->gathered_ns != 0 ? p->gathered_ns : times->begun_ns;
    }
}

/* Takes a pass and computes it. With the lock held, which is let go during the computation. */
static void compute_pass(scheduler *s, worker *self)
{
    pass *p = &self->work;
    int64_t start_ns = clock_monotonic_ns();
    queue_drop_expired(&s->q, start_ns);
    queue_take(&s->q, p, 1 + s->idle, start_ns);
    if (p->count == 0)
        return;
    scheduler_pass_times times = {.texts = p->count, .tokens = p->tokens};
    if (p->traced) {
        times.begun_ns = clock_monotonic_ns();
        encoder_state_measure(self->state, &times.steps);
    }
    s->running_tokens += p->tokens;
    self->pass_started_ns = start_ns;
    if (!queue_is_empty(&s->q) && s->idle > 0)
        pthread_cond_signal(&s->work);
    pthread_mutex_unlock(&s->lock);

    const pass_runner runner = {.chain = &s->chain,
                                .cache = s->cache,
                                .lane = &self->lane,
                                .compute = compute_on_cpu,
                                .pause = pause_worker,
                                .cookie = self};
    aki_error error;
    const aki_status status = pass_runner_run(&runner, p, &error);
    int64_t end_ns = clock_monotonic_ns();
    if (p->level != SCHEDULER_LEVEL_NONE)
        hand_out(s, p);
    if (status == AKI_OK)
        report(s, p, end_ns - start_ns);
    if (p->traced) {
        encoder_state_measure(self->state, NULL);
        times.ended_ns = end_ns;
        times.handed_ns = clock_monotonic_ns();
        place_steps(p, &times);
    }

    pthread_mutex_lock(&s->lock);
    if (p->traced)
        note_times(p, &times);
    help_desk_thank(&s->desk, (unsigned)(self - s->workers));
    self->pass_started_ns = 0;
    s->running_tokens -= p->tokens;
    if (status == AKI_OK)
        admission_measure(&s->gate, p->tokens, end_ns - start_ns);
    count_pass(s, p);
    queue_settle(&s->q, p, status == AKI_OK ? NULL : &error, end_ns);
}

/* Waits for a signal, or until the time comes. Lock held. */
static void wait_for_work(scheduler *s, int64_t until_ns)
{
    s->idle++;
    if (until_ns == INT64_MAX) {
        pthread_cond_wait(&s->work, &s->lock);
    } else {
        struct timespec until = {.tv_sec = until_ns / NS_PER_S, .tv_nsec = until_ns % NS_PER_S};
        pthread_cond_timedwait(&s->work, &s->lock, &until);
    }
    s->idle--;
}

static void *work(void *argument)
{
    worker *self = argument;
    scheduler *s = self->owner;
    encoder_pin_worker(s->enc, (unsigned)(self - s->workers));
    pthread_mutex_lock(&s->lock);
    for (;;) {
        scheduler_request *finished = queue_pop_finished(&s->q);
        if (finished != NULL) {
            deliver(s, finished);
            continue;
        }
        unsigned leader;
        int64_t start_ns = queue_start_ns(&s->q);
        if (!queue_is_empty(&s->q) && (s->stopping || start_ns <= clock_monotonic_ns()))
            compute_pass(s, self);
        else if (queue_is_empty(&s->q) && help_desk_find(&s->desk, &leader))
            help(s, self, leader);
        else if (s->stopping)
            break;
        else
            wait_for_work(s, start_ns);
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
    if (!pass_init(&w->work, capacity))
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for a worker");
    w->started = thread_start(&w->thread, work, w, "aki-scheduler");
    if (!w->started)
        return error_set_errno(error, AKI_OUT_OF_MEMORY, errno, "cannot start a worker thread");
    return AKI_OK;
}

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

aki_status scheduler_open(scheduler **out, const encoder *enc, const scheduler_settings *settings,
                          aki_error *error)
{
    *out = NULL;
    scheduler *s = mem_zalloc(1, sizeof *s);
    if (s == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the scheduler");
    s->enc = enc;
    s->log = settings->log;
    s->on_pass = settings->on_pass;
    s->on_pass_cookie = settings->on_pass_cookie;
    admission_init(&s->gate, settings);
    s->q.max_requests = settings->max_queue_requests;
    s->q.max_tokens = settings->max_queue_tokens;
    s->q.max_bytes = settings->max_queue_bytes;
    s->q.max_pass_tokens = encoder_max_pass_tokens(enc);
    s->q.window_ns = settings->batch_window_ms * NS_PER_MS;
    s->q.inference_timeout_ns =
        settings->inference_timeout_ms > 0 ? settings->inference_timeout_ms * NS_PER_MS : INT64_MAX;
    scratch_pool_init(&s->scratches);
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&s->work, &attributes);
    pthread_cond_init(&s->halt, &attributes);
    pthread_condattr_destroy(&attributes);
    aki_status status = open_cache(s, settings, error);
    s->context = (request_context){.enc = enc,
                                   .scratches = &s->scratches,
                                   .hash_key = siphash_random_key(),
                                   .cache = s->cache,
                                   .cache_first = settings->cache_bytes > 0};
    s->workers = mem_zalloc(settings->workers, sizeof *s->workers);
    if (status == AKI_OK && (s->workers == NULL || !help_desk_open(&s->desk, settings->workers)))
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
    while (abandon && !queue_is_empty(&s->q)) {
        aki_error error;
        error_set(&error, AKI_CANCELLED, "the service stopped before the request was done");
        queue_drop(&s->q, deadline_heap_first(&s->q.deadlines), &error, clock_monotonic_ns());
    }
    atomic_store(&s->desk.call_away, 1);
    pthread_cond_broadcast(&s->work);
    pthread_cond_broadcast(&s->halt);
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
        device_lane_close(w->lane);
        pass_free(&w->work);
    }
    mem_free(s->workers);
    help_desk_close(&s->desk);
    queue_free(&s->q);
    result_cache_close(s->cache);
    pthread_cond_destroy(&s->work);
    pthread_cond_destroy(&s->halt);
    pthread_mutex_destroy(&s->lock);
    scratch_pool_destroy(&s->scratches);
    mem_free(s);
}

/* Lock held. */
static aki_status admit(scheduler *s, const admission_request *request, aki_error *error)
{
    if (s->stopping)
        return error_set(error, AKI_CANCELLED, "the service is stopping and takes no new work");
    if (request->probe)
        return AKI_OK;
    return admission_check(&s->gate, &s->q, request, s->running_tokens, clock_monotonic_ns(), error);
}

/* Wakes as many workers as the request gives a share to. Lock held. */
static void wake(scheduler *s, size_t tokens)
{
    call(s, 1 + (tokens - 1) / QUEUE_SMALLEST_SHARE_TOKENS);
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
                               .probe = submission->probe,
                               .deadline_ns = submission->deadline_ns,
                               .tokens = submission->count};
    pthread_mutex_lock(&s->lock);
    aki_status status = admit(s, &asked, error);
    pthread_mutex_unlock(&s->lock);
    return status;
}

aki_status scheduler_submit(scheduler *s, const scheduler_submission *submission, scheduler_request **out,
                            aki_error *error)
{
    *out = NULL;
    /* What has no chance is refused before tokenizing is paid for. */
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
    pthread_mutex_lock(&s->lock);
    if (computes) {
        admission_request asked = {.priority = request->priority,
                                   .client = submission->client,
                                   .probe = submission->probe,
                                   .deadline_ns = submission->deadline_ns,
                                   .tokens = request->tokens,
                                   .bytes = request->bytes};
        status = admit(s, &asked, error);
        if (status == AKI_OK)
            status = queue_push(&s->q, request, error);
    }
    if (status == AKI_OK) {
        *out = request;
        count_accepted(s, request);
        if (computes) {
            s->gate.in_flight++;
            wake(s, request->tokens);
        }
    }
    pthread_mutex_unlock(&s->lock);
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
    pthread_mutex_lock(&s->lock);
    queue_drop(&s->q, request, &error, clock_monotonic_ns());
    call(s, 1);
    pthread_mutex_unlock(&s->lock);
}

int64_t scheduler_backlog_ms(scheduler *s)
{
    pthread_mutex_lock(&s->lock);
    int64_t ns = admission_duration_ns(&s->gate, queue_tokens(&s->q) + s->running_tokens);
    pthread_mutex_unlock(&s->lock);
    return ns / NS_PER_MS;
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

static int64_t milliseconds(int64_t ns)
{
    return ns == INT64_MAX ? INT64_MAX : (ns + NS_PER_MS - 1) / NS_PER_MS;
}

scheduler_level scheduler_primary(scheduler *s)
{
    return device_chain_primary(&s->chain);
}

breaker_state scheduler_breaker_state(scheduler *s)
{
    chain_link *link = device_chain_link(&s->chain, device_chain_primary(&s->chain));
    const breaker_state state = breaker_current(&link->guard, breaker_clock_ns());
    switch (state) {
    case BREAKER_OPEN:
    case BREAKER_FORCED_OPEN:
        return BREAKER_OPEN;
    case BREAKER_HALF_OPEN:
        return BREAKER_HALF_OPEN;
    case BREAKER_CLOSED:
    case BREAKER_DISABLED:
    case BREAKER_METRICS_ONLY:
    case BREAKER_STATE_COUNT:
        break;
    }
    return BREAKER_CLOSED;
}

bool scheduler_read_device(scheduler *s, scheduler_level level, scheduler_device *out)
{
    chain_link *link = device_chain_link(&s->chain, level);
    if (link == NULL)
        return false;
    const int64_t now_ns = breaker_clock_ns();
    *out = (scheduler_device){.name = link->name,
                              .state = breaker_current(&link->guard, now_ns),
                              .wait_ms = milliseconds(breaker_wait_ns(&link->guard, now_ns))};
    breaker_read_counts(&link->guard, now_ns, &out->counts);
    return true;
}

int64_t scheduler_device_wait_ms(scheduler *s)
{
    return milliseconds(device_chain_wait_ns(&s->chain));
}

void scheduler_reset_breakers(scheduler *s)
{
    device_chain_reset(&s->chain);
}

static void read_class(const class_queue *c, int64_t now_ns, scheduler_class_stats *stats)
{
    const int64_t oldest_ns = class_queue_oldest_ns(c);
    stats->waiting_requests = c->requests;
    stats->waiting_tokens = c->tokens;
    stats->oldest_ns = oldest_ns < now_ns ? now_ns - oldest_ns : 0;
}

void scheduler_read_stats(scheduler *s, scheduler_stats *stats)
{
    pthread_mutex_lock(&s->lock);
    const int64_t now_ns = clock_monotonic_ns();
    *stats = s->counters;
    read_class(queue_class(&s->q, SCHEDULER_PRIORITY_INTERACTIVE), now_ns, &stats->interactive);
    read_class(queue_class(&s->q, SCHEDULER_PRIORITY_BULK), now_ns, &stats->bulk);
    stats->refused_full = s->gate.refused_full;
    stats->refused_wait = s->gate.refused_wait;
    stats->refused_limit = s->gate.refused_limit;
    stats->expired = s->gate.expired + s->q.expired;
    stats->cancelled = s->q.cancelled;
    stats->in_flight = s->gate.in_flight;
    stats->in_flight_limit = s->gate.adaptive ? (size_t)s->gate.limit.limit : 0;
    stats->running_tokens = s->running_tokens;
    stats->bytes = s->q.bytes;
    stats->tokens_per_second =
        s->gate.rate_ns > 0 ? s->gate.rate_tokens * (double)NS_PER_S / s->gate.rate_ns : 0;
    pthread_mutex_unlock(&s->lock);
    stats->retries = atomic_load(&s->chain.retries);
    stats->retries_refused = atomic_load(&s->chain.retries_refused);
    stats->device_calls_given_up = atomic_load(&s->chain.given_up);
    if (s->chain.lane.device != NULL)
        stats->device_calls_out = device_calls_out(s->chain.lane.device);
    if (s->cache != NULL)
        result_cache_read_stats(s->cache, &stats->cache);
}
