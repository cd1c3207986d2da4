/* A circuit breaker as one would write it down to explain it: a list of failure times, a list of probes, no packing, one
 * thread. What the real one is compared with over random schedules. */
#ifndef BREAKER_MODEL_H
#define BREAKER_MODEL_H

#include "resilience/breaker.h"

#define MODEL_MS INT64_C(1000000)
#define MODEL_FAILURES 512
#define MODEL_CALLS 64

typedef struct model_call {
    bool out, probe;
    unsigned generation;
    int64_t lease_end_ms;
} model_call;

typedef struct model {
    breaker_settings settings;
    breaker_state state;
    unsigned generation, successes, growth;
    int64_t open_until_ms;
    int64_t failed_ms[MODEL_FAILURES]; /* in this generation */
    size_t failures;
    model_call calls[MODEL_CALLS]; /* by the schedule's number of the call */
    breaker_counts counts;
} model;

static inline void model_change(model *m, breaker_state next)
{
    m->counts.transitions[m->state][next]++;
    m->state = next;
    m->generation++;
    m->successes = 0;
    m->failures = 0;
}

static inline void model_open(model *m, unsigned growth, int64_t now_ms)
{
    int64_t cooldown_ns = m->settings.cooldown_ns << growth;
    if (cooldown_ns > m->settings.cooldown_max_ns)
        cooldown_ns = m->settings.cooldown_max_ns;
    m->growth = growth;
    m->open_until_ms = now_ms + cooldown_ns / MODEL_MS;
    model_change(m, BREAKER_OPEN);
}

static inline void model_reopen(model *m, int64_t now_ms)
{
    model_open(m, m->growth < 7 ? m->growth + 1 : 7, now_ms);
}

static inline bool model_holds_lease(const model *m, const model_call *c)
{
    return c->out && c->probe && c->generation == m->generation;
}

static inline unsigned model_probes(const model *m, int64_t *first_end_ms)
{
    unsigned probes = 0;
    *first_end_ms = INT64_MAX;
    for (size_t i = 0; i < MODEL_CALLS; i++)
        if (model_holds_lease(m, &m->calls[i])) {
            probes++;
            if (m->calls[i].lease_end_ms < *first_end_ms)
                *first_end_ms = m->calls[i].lease_end_ms;
        }
    return probes;
}

static inline void model_pass_time(model *m, int64_t now_ms)
{
    int64_t first_end_ms;
    if (m->state == BREAKER_OPEN && now_ms >= m->open_until_ms)
        model_change(m, BREAKER_HALF_OPEN);
    if (m->state == BREAKER_HALF_OPEN && model_probes(m, &first_end_ms) > 0 && now_ms >= first_end_ms) {
        m->counts.expired++;
        model_reopen(m, now_ms);
    }
}

static inline bool model_admit(model *m, size_t call, int64_t now_ms)
{
    model_pass_time(m, now_ms);
    int64_t first_end_ms;
    bool probe = m->state == BREAKER_HALF_OPEN;
    if (m->state == BREAKER_OPEN || m->state == BREAKER_FORCED_OPEN ||
        (probe && model_probes(m, &first_end_ms) == m->settings.probes)) {
        m->counts.not_permitted++;
        return false;
    }
    m->calls[call] = (model_call){.out = true,
                                  .probe = probe,
                                  .generation = m->generation,
                                  .lease_end_ms = now_ms + m->settings.lease_ns / MODEL_MS};
    return true;
}

static inline size_t model_failures_in_window(const model *m, int64_t now_ms)
{
    size_t count = 0;
    for (size_t i = 0; i < m->failures; i++)
        count += now_ms - m->failed_ms[i] < m->settings.window_ns / MODEL_MS;
    return count < m->settings.failures ? count : m->settings.failures;
}

static inline void model_failure(model *m, int64_t now_ms)
{
    if (m->state == BREAKER_HALF_OPEN)
        model_reopen(m, now_ms);
    if (m->state != BREAKER_CLOSED && m->state != BREAKER_METRICS_ONLY)
        return;
    m->failed_ms[m->failures++] = now_ms;
    if (model_failures_in_window(m, now_ms) < m->settings.failures)
        return;
    if (m->state == BREAKER_CLOSED) {
        model_open(m, 0, now_ms);
    } else {
        m->counts.would_have_opened++;
        model_change(m, BREAKER_METRICS_ONLY);
    }
}

static inline bool model_record(model *m, size_t call, breaker_outcome outcome, int64_t now_ms)
{
    model_call *c = &m->calls[call];
    if (c->probe)
        model_pass_time(m, now_ms);
    c->out = false;
    if (c->generation != m->generation) {
        m->counts.late++;
        return false;
    }
    m->counts.calls[outcome]++;
    if (outcome == BREAKER_FAILURE)
        model_failure(m, now_ms);
    else if (outcome == BREAKER_SUCCESS && c->probe && ++m->successes == m->settings.successes)
        model_change(m, BREAKER_CLOSED);
    return true;
}

static inline void model_force(model *m, breaker_state state, int64_t now_ms)
{
    model_pass_time(m, now_ms);
    if (state == BREAKER_OPEN)
        model_open(m, 0, now_ms);
    else
        model_change(m, state);
}

#endif
