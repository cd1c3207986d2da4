/* A worker's round: hand out one finished request, or else drop what has expired, take a pass, compute it, book it.
 * Finished requests go first, so that replies leave before the next pass begins. With nothing to take, it helps with the
 * pass of another worker: so a short text alone is computed by all of them. */
#include "scheduler/scheduler_internal.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/thread.h"

#include <errno.h>

/* Time between two lines in the log about the progress of one request. */
#define PROGRESS_NS (2 * NS_PER_S)

/* Lock held. */
static void count_fallback(scheduler *s, const scheduler_request *request)
{
    const scheduler_result *result = &request->result;
    if (request->probe)
        return;
    if (result->status == AKI_OK && result->served_by > device_chain_primary(&s->chain))
        s->counters.fallbacks[result->served_by]++;
    s->counters.fallbacks[SCHEDULER_LEVEL_NONE] += result->status == AKI_UNAVAILABLE;
}

static void deliver(scheduler *s, worker *self, scheduler_request *request)
{
    const int64_t now_ns = clock_monotonic_ns();
    count_fallback(s, request);
    admission_leave(&s->gate, request, now_ns);
    self->away_since_ns = now_ns;
    pthread_mutex_unlock(&s->lock);
    request_complete(request);
    request->done(request->cookie, request, &request->result); /* frees it, maybe */
    pthread_mutex_lock(&s->lock);
    self->away_since_ns = 0;
}

static void count_pass(scheduler *s, const pass *p)
{
    if (p->probes)
        return;
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
            request_keep(p->owners[i].request, p->owners[i].index, s->cache, p->cache_generation);
}

static void report(const scheduler *s, const pass *p, int64_t duration_ns)
{
    if (s->on_pass != NULL && !p->probes)
        s->on_pass(s->on_pass_cookie, &(scheduler_pass){.texts = p->count,
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
    self->away_since_ns = clock_monotonic_ns();
    pthread_mutex_unlock(&s->lock);
    encoder_team_help(s->enc, self->state, s->workers[leader].state, &s->desk.call_away);
    pthread_mutex_lock(&s->lock);
    self->away_since_ns = 0;
    help_desk_leave(&s->desk, leader, helped);
}

void workers_call(scheduler *s, size_t shares)
{
    atomic_store(&s->desk.call_away, 1);
    for (size_t i = 0; i < shares && i < s->idle; i++)
        pthread_cond_signal(&s->work);
}

/* With those who come to help. */
static aki_status compute_part(worker *self, encoder_sequence *sequences, size_t count, aki_error *error)
{
    scheduler *s = self->owner;
    pass *p = &self->work;
    pthread_mutex_lock(&s->lock);
    aki_status status = encoder_team_begin(s->enc, self->state, sequences, count,
                                           queue_is_empty(&s->q) ? help_desk_team(s->idle) : 1, error);
    if (sequences == p->sequences)
        p->gathered_ns = p->traced ? clock_monotonic_ns() : 0;
    if (status == AKI_OK)
        ask_for_help(s, (unsigned)(self - s->workers));
    pthread_mutex_unlock(&s->lock);
    return status == AKI_OK ? encoder_team_run(s->enc, self->state, sequences, count, error) : status;
}

/* For pass_runner: the worker's pass on the CPU, in parts where it was planned for a device that takes more at once. */
static aki_status compute_on_cpu(void *cookie, aki_error *error)
{
    worker *self = cookie;
    const pass *p = &self->work;
    aki_status status = AKI_OK;
    for (size_t done = 0, count; done < p->count && status == AKI_OK; done += count) {
        count = encoder_plan_pass(self->owner->enc, p->sequences + done, p->count - done);
        status = compute_part(self, p->sequences + done, count, error);
    }
    return status;
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
    times->level = p->level;
    if (p->level == SCHEDULER_LEVEL_GPU) {
        times->gathered_ns = times->begun_ns + p->times.transfer_in_ns;
        times->steps.forward_ns = times->gathered_ns + p->times.forward_ns;
        times->steps.pooled_ns = times->steps.normalized_ns = times->ended_ns - p->times.transfer_out_ns;
    } else {
        times->gathered_ns = p->gathered_ns != 0 ? p->gathered_ns : times->begun_ns;
    }
}

/* Measures the speed by passes of requests, and of probes that calibrate it. Lock held. */
static void measure(scheduler *s, const pass *p, int64_t duration_ns)
{
    if (p->probes && !p->owners[0].request->calibrates)
        return;
    admission_measure(&s->gate, p->tokens, duration_ns);
    work_time_measure(&s->q.time, p->tokens, duration_ns);
}

/* Logs now and then the progress of long requests in the pass. The lock is held since the pass was settled, so that
 * finished requests still exist. */
static void report_progress(scheduler *s, const pass *p, int64_t now_ns)
{
    for (size_t i = 0; i < p->owners_count; i++) {
        scheduler_request *request = p->owners[i].request;
        if (now_ns - request->reported_ns < PROGRESS_NS || request->waiting_tokens == 0)
            continue;
        request->reported_ns = now_ns;
        log_write(
            &s->log, AKI_LOG_INFO, "scheduler",
            "request %s: %zu of %zu texts are computed after %.1f s; what waits of it takes about %.1f s",
            request->label != NULL ? request->label : "without an id", request->taken - request->running,
            request->count, (double)(now_ns - request->begun_ns) / NS_PER_S,
            (double)work_time_estimate_ns(&s->q.time, request->waiting_tokens) / NS_PER_S);
    }
}

static const char *find_cause(const scheduler *s, const pass *p)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->sequences[i].status == AKI_NOT_FINITE)
            return encoder_not_finite_cause(s->enc);
    return NULL;
}

/* Takes a pass and computes it. With the lock held, which is let go during the computation. */
static void compute_pass(scheduler *s, worker *self)
{
    pass *p = &self->work;
    int64_t start_ns = clock_monotonic_ns();
    queue_drop_expired(&s->q, start_ns);
    queue_take(&s->q, p, s->fills_passes ? 1 : 1 + s->idle, start_ns);
    if (p->count == 0)
        return;
    scheduler_pass_times times = {.texts = p->count, .tokens = p->tokens};
    if (p->traced) {
        times.begun_ns = clock_monotonic_ns();
        encoder_state_measure(self->state, &times.steps);
    }
    s->running_tokens += p->probes ? 0 : p->tokens;
    self->away_since_ns = start_ns;
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
    p->cause = status == AKI_OK ? find_cause(s, p) : NULL;
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
    self->away_since_ns = 0;
    s->running_tokens -= p->probes ? 0 : p->tokens;
    if (status == AKI_OK)
        measure(s, p, end_ns - start_ns);
    count_pass(s, p);
    queue_settle(&s->q, p, status == AKI_OK ? NULL : &error, end_ns);
    report_progress(s, p, end_ns);
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
            deliver(s, self, finished);
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

aki_status worker_open(scheduler *s, worker *w, aki_error *error)
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

void worker_close(worker *w)
{
    encoder_state_close(w->state);
    device_lane_close(w->lane);
    pass_free(&w->work);
}
