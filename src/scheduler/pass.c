#include "scheduler/pass.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"

#include <string.h>

bool pass_init(pass *p, size_t capacity)
{
    *p = (pass){.capacity = capacity};
    p->sequences = mem_alloc(capacity, sizeof *p->sequences);
    p->hashes = mem_alloc(capacity, sizeof *p->hashes);
    p->owners = mem_alloc(capacity, sizeof *p->owners);
    return p->sequences != NULL && p->hashes != NULL && p->owners != NULL;
}

void pass_free(pass *p)
{
    mem_free(p->sequences);
    mem_free(p->hashes);
    mem_free(p->owners);
    *p = (pass){0};
}

size_t pass_bytes(const pass *p)
{
    return p->capacity * (sizeof *p->sequences + sizeof *p->hashes + sizeof *p->owners);
}

void pass_clear(pass *p)
{
    p->count = p->tokens = p->owners_count = 0;
    p->traced = p->judged = false;
}

static bool equal(const encoder_sequence *a, const encoder_sequence *b)
{
    return (a->output == ENCODER_VECTOR || a->output == ENCODER_SPARSE) && a->output == b->output &&
           a->count == b->count && a->second == b->second && a->pooling == b->pooling &&
           a->normalize == b->normalize && memcmp(a->ids, b->ids, a->count * sizeof *a->ids) == 0;
}

/* The equal sequence in the pass, or its count. */
static size_t find_equal(const pass *p, const encoder_sequence *sequence, uint64_t hash)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->hashes[i] == hash && equal(&p->sequences[i], sequence))
            return i;
    return p->count;
}

bool pass_add(pass *p, scheduler_request *request, size_t index, size_t share_tokens, size_t max_tokens,
              size_t *cost_tokens)
{
    if (p->owners_count == p->capacity)
        return false;
    const encoder_sequence *sequence = &request->sequences[index];
    size_t computed = find_equal(p, sequence, request->hashes[index]);
    *cost_tokens = 0;
    if (computed == p->count) {
        if (p->count > 0 && (p->tokens >= share_tokens || p->tokens + sequence->count > max_tokens))
            return false;
        p->sequences[p->count] = *sequence;
        p->hashes[p->count] = request->hashes[index];
        p->count++;
        p->tokens += sequence->count;
        *cost_tokens = sequence->count;
    }
    p->owners[p->owners_count++] = (pass_owner){request, index, computed};
    p->traced = p->traced || request->traced;
    p->judged = p->judged || request->judge != NULL;
    return true;
}

void pass_spread(const pass *p)
{
    for (size_t i = 0; i < p->owners_count; i++) {
        const pass_owner *owner = &p->owners[i];
        float *vector = owner->request->sequences[owner->index].vector;
        const float *computed = p->sequences[owner->computed].vector;
        if (vector != computed)
            memcpy(vector, computed, owner->request->dimension * sizeof *vector);
    }
}

#define LOG_TARGET "device"

/* How an attempt ended. */
typedef struct attempt {
    aki_status status;
    breaker_outcome outcome;
    retry_cause cause;
    int64_t duration_ns;
} attempt;

static aki_status status_of(device_status status)
{
    switch (status) {
    case DEVICE_OK:
        return AKI_OK;
    case DEVICE_OUT_OF_MEMORY:
        return AKI_OUT_OF_MEMORY;
    case DEVICE_INVALID:
        return AKI_INTERNAL;
    case DEVICE_NOT_FINITE: /* what gave NaN for one text is not trusted with the others of the pass */
    case DEVICE_UNAVAILABLE:
    case DEVICE_TIMEOUT:
    case DEVICE_FAILED:
    case DEVICE_STATUS_COUNT:
        break;
    }
    return AKI_UNAVAILABLE;
}

static retry_cause cause_of(device_status status)
{
    switch (status) {
    case DEVICE_TIMEOUT:
        return RETRY_TIMEOUT;
    case DEVICE_OUT_OF_MEMORY:
        return RETRY_OUT_OF_MEMORY;
    case DEVICE_INVALID:
        return RETRY_INVALID_INPUT;
    case DEVICE_OK:
    case DEVICE_UNAVAILABLE:
    case DEVICE_NOT_FINITE:
    case DEVICE_FAILED:
    case DEVICE_STATUS_COUNT:
        break;
    }
    return RETRY_DEVICE_UNAVAILABLE;
}

static attempt try_gpu(const pass_runner *r, pass *p, const char *name, aki_error *error)
{
    device_chain *chain = r->chain;
    device_lane_result result;
    device_lane_run(r->lane, &chain->lane, p->sequences, p->count, chain->device_timeout_ns, &result);
    p->times = result.times;
    if (result.status == DEVICE_TIMEOUT)
        atomic_fetch_add(&chain->given_up, 1);
    if (result.status == DEVICE_OK)
        return (attempt){.status = AKI_OK, .outcome = BREAKER_SUCCESS};
    error_set(error, status_of(result.status), "device %s: %s", name, result.message);
    return (attempt){.status = error->status,
                     .outcome = result.status == DEVICE_INVALID ? BREAKER_IGNORED : BREAKER_FAILURE,
                     .cause = cause_of(result.status)};
}

/* The CPU's result depends on weights and text alone: NaN is the failure of the one text, and the other texts of the pass keep
 * their vectors. */
static attempt try_cpu(const pass_runner *r, pass *p, aki_error *error)
{
    const aki_status status = r->compute(r->cookie, error);
    bool finite = true;
    for (size_t i = 0; i < p->count && status == AKI_OK; i++)
        finite = finite && p->sequences[i].status == AKI_OK;
    return (attempt){.status = status,
                     .outcome = status != AKI_OK ? BREAKER_FAILURE
                                : finite         ? BREAKER_SUCCESS
                                                 : BREAKER_IGNORED,
                     .cause = retry_cause_of(status)};
}

/* True where another attempt is to follow, after the wait that is due. */
static bool try_again(const pass_runner *r, const pass *p, const attempt *last, unsigned attempts)
{
    device_chain *chain = r->chain;
    const int64_t now_ns = clock_monotonic_ns();
    const retry_failure failure = {
        .cause = last->cause, .attempts_made = attempts, .duration_ns = last->duration_ns};
    const retry_decision decision =
        retry_decide(&chain->retry, &chain->budget, &chain->noise, &failure, now_ns, p->expires_ns);
    if (decision.verdict == RETRY_BUDGET_SPENT)
        atomic_fetch_add(&chain->retries_refused, 1);
    if (decision.verdict != RETRY_AGAIN || !r->pause(r->cookie, now_ns + decision.delay_ns))
        return false;
    atomic_fetch_add(&chain->retries, 1);
    return true;
}

static void refuse(device_chain *chain, const chain_link *link, aki_error *error)
{
    const int64_t wait_ns = device_chain_wait_ns(chain);
    if (atomic_load(&link->distrusted))
        error_set(error, AKI_UNAVAILABLE,
                  "device %s computed wrong vectors; it is used again when the health probe finds it right",
                  link->name);
    else if (wait_ns == INT64_MAX)
        error_set(error, AKI_UNAVAILABLE, "device %s is switched off by its circuit breaker", link->name);
    else
        error_set(error, AKI_UNAVAILABLE,
                  "the circuit breaker of device %s is open after failures; it is tried again in %lld ms",
                  link->name, (long long)(wait_ns / NS_PER_MS));
}

/* Counters read before an attempt. */
typedef struct beginning {
    uint64_t wrong; /* of the link */
    uint64_t check; /* of the cache, where the pass has a judge */
} beginning;

static beginning begin(const pass_runner *r, const pass *p, chain_link *link)
{
    return (beginning){.wrong = atomic_load(&link->wrong),
                       .check = p->judged && r->cache != NULL ? result_cache_begin_check(r->cache) : 0};
}

/* True when every judge of the pass accepts the device's vectors. */
static bool judges_agree(const pass *p, scheduler_level level)
{
    for (size_t i = 0; i < p->owners_count; i++) {
        const scheduler_request *request = p->owners[i].request;
        const encoder_sequence *sequence = &p->sequences[p->owners[i].computed];
        if (request->judge != NULL &&
            (sequence->status != AKI_OK || !request->judge(request->cookie, level, sequence->vector)))
            return false;
    }
    return true;
}

static bool judge(const pass_runner *r, const pass *p, scheduler_level level, breaker_ticket ticket,
                  const beginning *before)
{
    device_chain *chain = r->chain;
    const bool fills_cache = r->cache != NULL && level == device_chain_primary(chain);
    const bool right = judges_agree(p, level);
    device_chain_judge(chain, level, ticket, right);
    if (right && fills_cache)
        result_cache_vouch(r->cache, before->check);
    if (right)
        return true;
    const size_t dropped = fills_cache ? result_cache_drop(r->cache) : 0;
    log_write(&chain->log, AKI_LOG_ERROR, LOG_TARGET,
              "device %s computes wrong vectors, as the health probe found; it is not used until a health "
              "probe finds it "
              "right, and %zu results that it may have spoilt are dropped from the cache",
              device_chain_link(chain, level)->name, dropped);
    return false;
}

/* Reports the attempt to the breaker. False: this pass, or another one meanwhile, has found that the device computes
 * wrong vectors. */
static bool settle(const pass_runner *r, const pass *p, scheduler_level level, breaker_ticket ticket,
                   const attempt *done, const beginning *before)
{
    chain_link *link = device_chain_link(r->chain, level);
    if (p->judged && done->status == AKI_OK)
        return judge(r, p, level, ticket, before);
    const bool holds = done->status != AKI_OK || atomic_load(&link->wrong) == before->wrong;
    device_chain_record(r->chain, link, ticket, holds ? done->outcome : BREAKER_IGNORED);
    return holds;
}

static attempt distrusted(const chain_link *link, aki_error *error)
{
    error_set(error, AKI_UNAVAILABLE, "device %s computes wrong vectors, as the health probe found",
              link->name);
    return (attempt){.status = AKI_UNAVAILABLE, .outcome = BREAKER_FAILURE, .cause = RETRY_OTHER};
}

/* One level, with the attempts that are its due. The error of a failed attempt is not lost to a breaker that opened by it. */
static attempt try_level(const pass_runner *r, pass *p, scheduler_level level, aki_error *error)
{
    device_chain *chain = r->chain;
    chain_link *link = device_chain_link(chain, level);
    attempt last = {.status = AKI_UNAVAILABLE};
    for (unsigned attempts = 1;; attempts++) {
        breaker_ticket ticket;
        const beginning before = begin(r, p, link);
        if (!device_chain_admit(chain, link, p->judged, &ticket)) {
            if (attempts == 1)
                refuse(chain, link, error);
            return last;
        }
        p->attempts++;
        const int64_t begun_ns = clock_monotonic_ns();
        last = level == SCHEDULER_LEVEL_GPU ? try_gpu(r, p, link->name, error) : try_cpu(r, p, error);
        last.duration_ns = clock_monotonic_ns() - begun_ns;
        if (!settle(r, p, level, ticket, &last, &before))
            last = distrusted(link, error);
        if (last.status == AKI_OK)
            return last;
        const bool is_last = device_chain_is_last(chain, level);
        log_write(&chain->log, AKI_LOG_WARN, LOG_TARGET, "a pass of %zu texts failed: %s%s", p->count,
                  error->message, is_last ? "" : "; it is computed by the CPU");
        if (!is_last || !try_again(r, p, &last, attempts))
            return last;
    }
}

/* The results of sequences that have none yet. */
static void find_cached(const pass_runner *r, pass *p)
{
    bool found = false;
    for (size_t i = 0; i < p->owners_count && r->cache != NULL; i++) {
        encoder_sequence *sequence = &p->sequences[p->owners[i].computed];
        const scheduler_request *request = p->owners[i].request;
        const cache_entry *entry = request->entries != NULL ? request->entries[p->owners[i].index] : NULL;
        if (sequence->status == AKI_OK || entry == NULL ||
            !result_cache_recall(r->cache, entry, sequence->vector))
            continue;
        sequence->status = AKI_OK;
        found = true;
    }
    if (found)
        p->level = SCHEDULER_LEVEL_CACHE;
}

aki_status pass_runner_run(const pass_runner *r, pass *p, aki_error *error)
{
    device_chain *chain = r->chain;
    attempt last = {.status = AKI_UNAVAILABLE};
    p->level = SCHEDULER_LEVEL_NONE;
    p->attempts = 0;
    p->cache_generation = r->cache != NULL ? result_cache_generation(r->cache) : 0;
    p->times = (device_times){0};
    retry_budget_request(&chain->budget);
    for (scheduler_level level = SCHEDULER_LEVEL_GPU; level <= SCHEDULER_LEVEL_CPU; level++) {
        if (device_chain_link(chain, level) == NULL)
            continue;
        last = try_level(r, p, level, error);
        if (last.status == AKI_OK) {
            p->level = level;
            return AKI_OK;
        }
    }
    for (size_t i = 0; i < p->count; i++)
        p->sequences[i].status = last.status;
    find_cached(r, p);
    return last.status;
}
