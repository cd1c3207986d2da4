#include "scheduler/device_chain.h"

#include "base/clock.h"
#include "scheduler/option_list.h"

#define LOG_TARGET "device"

void scheduler_resilience_init(scheduler_resilience *settings)
{
    *settings = (scheduler_resilience){.breaker = breaker_defaults,
                                       .retry = retry_defaults,
                                       .retry_budget = retry_budget_defaults,
                                       .device_timeout_ms = SCHEDULER_DEVICE_TIMEOUT_S * 1000,
                                       .cpu_fallback = SCHEDULER_CPU_FALLBACK,
                                       .fallback_cache_bytes = (size_t)SCHEDULER_FALLBACK_CACHE_MB * 1000000};
}

static void init_link(chain_link *link, const char *name, const breaker_settings *settings, uint64_t seed,
                      int64_t now_ns)
{
    link->present = true;
    link->name = name;
    breaker_init(&link->guard, settings, seed, now_ns);
    atomic_init(&link->seen, BREAKER_CLOSED);
}

static chain_link *link_of(device_chain *chain, scheduler_level level)
{
    return &chain->links[level - SCHEDULER_LEVEL_GPU];
}

void device_chain_init(device_chain *chain, const encoder *enc, const scheduler_resilience *settings,
                       const log_sink *log, int64_t now_ns)
{
    scheduler_resilience defaults;
    scheduler_resilience_init(&defaults);
    if (settings == NULL)
        settings = &defaults;
    *chain = (device_chain){
        .device_timeout_ns = settings->device_timeout_ms * NS_PER_MS, .retry = settings->retry, .log = *log};
    jitter_init(&chain->noise, (uint64_t)now_ns);
    retry_budget_init(&chain->budget, &settings->retry_budget, now_ns);
    /* A probe always reports when its pass is over or given up: its lease is not to end before that. */
    breaker_settings guard = settings->breaker;
    if (guard.lease_ns < 2 * chain->device_timeout_ns)
        guard.lease_ns = 2 * chain->device_timeout_ns;
    const bool gpu = encoder_lane_settings(enc, &chain->lane);
    if (gpu)
        init_link(link_of(chain, SCHEDULER_LEVEL_GPU), device_interface(chain->lane.device)->name, &guard,
                  jitter_next(&chain->noise), now_ns);
    if (!gpu || settings->cpu_fallback)
        init_link(link_of(chain, SCHEDULER_LEVEL_CPU), "cpu", &guard, jitter_next(&chain->noise), now_ns);
}

chain_link *device_chain_link(device_chain *chain, scheduler_level level)
{
    if (level != SCHEDULER_LEVEL_GPU && level != SCHEDULER_LEVEL_CPU)
        return NULL;
    chain_link *link = link_of(chain, level);
    return link->present ? link : NULL;
}

scheduler_level device_chain_primary(device_chain *chain)
{
    return link_of(chain, SCHEDULER_LEVEL_GPU)->present ? SCHEDULER_LEVEL_GPU : SCHEDULER_LEVEL_CPU;
}

bool device_chain_is_last(device_chain *chain, scheduler_level level)
{
    return level == SCHEDULER_LEVEL_CPU || !link_of(chain, SCHEDULER_LEVEL_CPU)->present;
}

static void note_state(device_chain *chain, chain_link *link, int64_t now_ns)
{
    const int state = (int)breaker_current(&link->guard, now_ns);
    if (state == atomic_load_explicit(&link->seen, memory_order_relaxed))
        return;
    const int before = atomic_exchange(&link->seen, state);
    if (before != state)
        log_write(&chain->log, state == BREAKER_OPEN ? AKI_LOG_WARN : AKI_LOG_INFO, LOG_TARGET,
                  "circuit breaker of device %s: %s, was %s", link->name,
                  breaker_state_name((breaker_state)state), breaker_state_name((breaker_state)before));
}

/* True in the two states into which failures bring the breaker; those that an operator forces are not among them. */
static bool is_open(breaker_state state)
{
    return state == BREAKER_OPEN || state == BREAKER_HALF_OPEN;
}

bool device_chain_admit(device_chain *chain, chain_link *link, bool judged, breaker_ticket *ticket)
{
    const int64_t now_ns = breaker_clock_ns();
    const bool barred =
        !judged && atomic_load(&link->distrusted) && is_open(breaker_current(&link->guard, now_ns));
    const bool admitted = !barred && breaker_admit(&link->guard, now_ns, ticket);
    note_state(chain, link, now_ns);
    return admitted;
}

void device_chain_record(device_chain *chain, chain_link *link, breaker_ticket ticket,
                         breaker_outcome outcome)
{
    const int64_t now_ns = breaker_clock_ns();
    breaker_record(&link->guard, ticket, outcome, now_ns);
    note_state(chain, link, now_ns);
}

static void convict(device_chain *chain, chain_link *link, breaker_ticket ticket, int64_t now_ns)
{
    atomic_store(&link->distrusted,
                 true); /* first: from now on only a pass with a judge may probe the device */
    breaker_record(&link->guard, ticket, BREAKER_FAILURE, now_ns);
    const breaker_state state = breaker_current(&link->guard, now_ns);
    if (state == BREAKER_CLOSED || state == BREAKER_HALF_OPEN)
        breaker_force(&link->guard, BREAKER_OPEN, now_ns);
    atomic_fetch_add(&link->wrong, 1); /* last: a pass admitted before this has read the older number */
    if (link == link_of(chain, SCHEDULER_LEVEL_GPU))
        device_start_anew(chain->lane.device); /* its copy of the model may be damaged */
}

void device_chain_judge(device_chain *chain, scheduler_level level, breaker_ticket ticket, bool right)
{
    chain_link *link = link_of(chain, level);
    const int64_t now_ns = breaker_clock_ns();
    if (!right)
        convict(chain, link, ticket, now_ns);
    else if (breaker_record(&link->guard, ticket, BREAKER_SUCCESS, now_ns) &&
             breaker_current(&link->guard, now_ns) == BREAKER_CLOSED)
        atomic_store(&link->distrusted, false);
    note_state(chain, link, now_ns);
}

int64_t device_chain_wait_ns(device_chain *chain)
{
    const int64_t now_ns = breaker_clock_ns();
    int64_t least_ns = INT64_MAX;
    for (size_t i = 0; i < DEVICE_CHAIN_LEVELS; i++) {
        if (!chain->links[i].present)
            continue;
        const int64_t wait_ns = breaker_wait_ns(&chain->links[i].guard, now_ns);
        least_ns = wait_ns < least_ns ? wait_ns : least_ns;
    }
    return least_ns;
}

void device_chain_reset(device_chain *chain)
{
    const int64_t now_ns = breaker_clock_ns();
    for (size_t i = 0; i < DEVICE_CHAIN_LEVELS; i++) {
        if (!chain->links[i].present)
            continue;
        breaker_reset(&chain->links[i].guard, now_ns);
        atomic_store(&chain->links[i].distrusted, false);
        note_state(chain, &chain->links[i], now_ns);
    }
}

/* True when another device is present and its circuit breaker is not open. */
static bool another_serves(device_chain *chain, const chain_link *but, int64_t now_ns)
{
    for (size_t i = 0; i < DEVICE_CHAIN_LEVELS; i++) {
        chain_link *link = &chain->links[i];
        if (link != but && link->present && breaker_current(&link->guard, now_ns) != BREAKER_OPEN)
            return true;
    }
    return false;
}

bool device_chain_force(device_chain *chain, breaker_state state)
{
    chain_link *link = device_chain_link(chain, device_chain_primary(chain));
    const int64_t now_ns = breaker_clock_ns();
    if (state == BREAKER_FORCED_OPEN && !another_serves(chain, link, now_ns))
        return false;
    const bool taken = breaker_force(&link->guard, state, now_ns);
    note_state(chain, link, now_ns);
    return taken;
}
