/* The scheduler as a source of passes for the crew: makes up passes from the queue, computes them by the chain of
 * devices, books them and hands out finished requests. */
#include "scheduler/scheduler_internal.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"

#include <errno.h>

/* Time between two lines in the log about the progress of one request. */
#define PROGRESS_NS (2 * NS_PER_S)

/* One worker's memory for the scheduler's passes. */
typedef struct worker_pass {
    scheduler *owner;
    crew_worker *worker; /* that computes it */
    device_lane *lane;   /* to the device beyond the CPU; NULL until it is needed */
    pass work;
    scheduler_pass_times times;
    int64_t start_ns, end_ns;
    aki_status status;
    aki_error error;
} worker_pass;

/* ---- With the lock held ---- */

static bool waits(void *cookie)
{
    const scheduler *s = cookie;
    return !queue_is_empty(&s->q);
}

static void offer(void *cookie, int64_t now_ns, turns_offer *out)
{
    scheduler *s = cookie;
    queue_drop_expired(&s->q, now_ns);
    out->start_ns = queue_start_ns(&s->q);
    if (out->start_ns == INT64_MAX)
        return;
    if (s->stopping)
        out->start_ns = now_ns;
    queue_look(&s->q, out);
}

static void take(void *cookie, void *own, unsigned takers, int64_t now_ns)
{
    scheduler *s = cookie;
    worker_pass *w = own;
    pass *p = &w->work;
    queue_note_interactive(&s->q, crew_interactive_ns(s->workers));
    queue_take(&s->q, p, s->fills_passes ? 1 : takers, now_ns);
    p->gathered_ns = 0;
    w->start_ns = now_ns;
    w->times = (scheduler_pass_times){.texts = p->count, .tokens = p->tokens};
    if (p->traced)
        w->times.begun_ns = clock_monotonic_ns();
    s->running_tokens += p->probes ? 0 : p->tokens;
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

/* Books when the pass was, once in each request that has texts in it and is traced. */
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

/* Measures the speed by passes of requests, and of probes that calibrate it. */
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

static void settle(void *cookie, void *own)
{
    scheduler *s = cookie;
    worker_pass *w = own;
    const pass *p = &w->work;
    if (p->traced)
        note_times(p, &w->times);
    s->running_tokens -= p->probes ? 0 : p->tokens;
    if (w->status == AKI_OK)
        measure(s, p, w->end_ns - w->start_ns);
    count_pass(s, p);
    queue_settle(&s->q, p, w->status == AKI_OK ? NULL : &w->error, w->end_ns);
    report_progress(s, p, w->end_ns);
}

static bool has_finished(void *cookie)
{
    const scheduler *s = cookie;
    return s->q.finished.first != NULL;
}

static void count_fallback(scheduler *s, const scheduler_request *request)
{
    const scheduler_result *result = &request->result;
    if (request->probe)
        return;
    if (result->status == AKI_OK && result->served_by > device_chain_primary(&s->chain))
        s->counters.fallbacks[result->served_by]++;
    s->counters.fallbacks[SCHEDULER_LEVEL_NONE] += result->status == AKI_UNAVAILABLE;
}

static void *pop_finished(void *cookie)
{
    scheduler *s = cookie;
    scheduler_request *request = queue_pop_finished(&s->q);
    count_fallback(s, request);
    admission_leave(&s->gate, request, clock_monotonic_ns());
    return request;
}

/* ---- Without the lock ---- */

static void deliver(void *cookie, void *finished)
{
    scheduler_request *request = finished;
    (void)cookie;
    request_complete(request);
    request->done(request->cookie, request, &request->result); /* frees it, maybe */
}

/* The vectors to those who share them and, if they are the best device's, to the cache. */
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

/* For pass_runner: the worker's pass on the CPU, in parts where it was planned for a device that takes more at once. */
static aki_status compute_on_cpu(void *cookie, aki_error *error)
{
    worker_pass *w = cookie;
    pass *p = &w->work;
    aki_status status = AKI_OK;
    for (size_t done = 0, count; done < p->count && status == AKI_OK; done += count) {
        count = encoder_plan_pass(w->owner->enc, p->sequences + done, p->count - done);
        status = crew_compute(w->worker, p->sequences + done, count,
                              done == 0 && p->traced ? &p->gathered_ns : NULL, error);
    }
    return status;
}

/* For pass_runner. */
static bool pause_worker(void *cookie, int64_t until_ns)
{
    const worker_pass *w = cookie;
    scheduler *s = w->owner;
    const struct timespec until = {.tv_sec = until_ns / NS_PER_S, .tv_nsec = until_ns % NS_PER_S};
    pthread_mutex_lock(s->lock);
    while (!s->stopping && pthread_cond_timedwait(&s->halt, s->lock, &until) != ETIMEDOUT)
        ;
    const bool going = !s->stopping;
    pthread_mutex_unlock(s->lock);
    return going;
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

static const char *find_cause(const scheduler *s, const pass *p)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->sequences[i].status == AKI_NOT_FINITE)
            return encoder_not_finite_cause(s->enc);
    return NULL;
}

static void compute(void *cookie, void *own, crew_worker *worker)
{
    scheduler *s = cookie;
    worker_pass *w = own;
    pass *p = &w->work;
    w->worker = worker;
    if (p->traced)
        encoder_state_measure(crew_worker_state(worker), &w->times.steps);
    const pass_runner runner = {.chain = &s->chain,
                                .cache = s->cache,
                                .lane = &w->lane,
                                .compute = compute_on_cpu,
                                .pause = pause_worker,
                                .cookie = w};
    w->status = pass_runner_run(&runner, p, &w->error);
    w->end_ns = clock_monotonic_ns();
    p->cause = w->status == AKI_OK ? find_cause(s, p) : NULL;
    if (p->level != SCHEDULER_LEVEL_NONE)
        hand_out(s, p);
    if (w->status == AKI_OK)
        report(s, p, w->end_ns - w->start_ns);
    if (p->traced) {
        encoder_state_measure(crew_worker_state(worker), NULL);
        w->times.ended_ns = w->end_ns;
        w->times.handed_ns = clock_monotonic_ns();
        place_steps(p, &w->times);
    }
}

static void close_pass(void *cookie, void *own)
{
    worker_pass *w = own;
    (void)cookie;
    device_lane_close(w->lane);
    pass_free(&w->work);
    mem_free(w);
}

static aki_status open_pass(void *cookie, void **own, size_t *bytes, aki_error *error)
{
    scheduler *s = cookie;
    const size_t capacity = encoder_max_pass_tokens(s->enc); /* a sequence has at least one token */
    worker_pass *w = mem_zalloc(1, sizeof *w);
    if (w == NULL || !pass_init(&w->work, capacity)) {
        if (w != NULL)
            close_pass(s, w);
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for a worker");
    }
    w->owner = s;
    *own = w;
    *bytes += sizeof *w + pass_bytes(&w->work);
    return AKI_OK;
}

aki_status source_add(scheduler *s, aki_error *error)
{
    const crew_calls calls = {.waits = waits,
                              .offer = offer,
                              .take = take,
                              .settle = settle,
                              .has_finished = has_finished,
                              .pop_finished = pop_finished,
                              .compute = compute,
                              .deliver = deliver,
                              .open = open_pass,
                              .close = close_pass,
                              .cookie = s};
    return crew_add(&s->source, s->workers, s->enc, &calls, error);
}
