#include "resilience/retry_budget.h"

#include "base/clock.h"

/* The word: tokens in thousandths of a retry in the low 32 bits, above them the ms since `born_ns` up to which the floor
 * has been paid in, on a circle of 49 days: a service that asks for no retry that long only gains a smaller floor once. */
#define RETRY_TOKENS 1000

const retry_budget_settings retry_budget_defaults = {.percent = 20, .floor_per_s = 1, .burst = 10};

static uint32_t tokens_max(const retry_budget *b)
{
    return b->settings.burst * RETRY_TOKENS;
}

static uint64_t pack(uint32_t paid_ms, uint64_t tokens)
{
    return (uint64_t)paid_ms << 32 | tokens;
}

/* The word with the floor paid in up to now. A thread whose clock was read before another's pays nothing. */
static uint64_t with_floor(const retry_budget *b, uint64_t word, int64_t now_ns)
{
    int64_t age_ns = now_ns - b->born_ns;
    uint32_t now_ms = age_ns > 0 ? (uint32_t)(age_ns / NS_PER_MS) : 0;
    uint32_t passed_ms = now_ms - (uint32_t)(word >> 32);
    if (passed_ms > INT32_MAX)
        return word;
    uint64_t tokens = (uint32_t)word + (uint64_t)passed_ms * b->settings.floor_per_s;
    return pack(now_ms, tokens < tokens_max(b) ? tokens : tokens_max(b));
}

void retry_budget_init(retry_budget *b, const retry_budget_settings *settings, int64_t now_ns)
{
    b->settings = *settings;
    b->born_ns = now_ns;
    atomic_init(&b->word, pack(0, tokens_max(b)));
}

void retry_budget_request(retry_budget *b)
{
    uint64_t word = atomic_load_explicit(&b->word, memory_order_relaxed), next;
    do {
        uint64_t tokens = (uint32_t)word + (uint64_t)b->settings.percent * (RETRY_TOKENS / 100);
        if ((uint32_t)word == tokens_max(b))
            return;
        next = pack((uint32_t)(word >> 32), tokens < tokens_max(b) ? tokens : tokens_max(b));
    } while (!atomic_compare_exchange_weak(&b->word, &word, next));
}

bool retry_budget_take(retry_budget *b, int64_t now_ns)
{
    uint64_t word = atomic_load(&b->word), next;
    do {
        next = with_floor(b, word, now_ns);
        if ((uint32_t)next < RETRY_TOKENS)
            return false; /* the floor stays unpaid: the time up to now is paid in with a later call */
        next -= RETRY_TOKENS;
    } while (!atomic_compare_exchange_weak(&b->word, &word, next));
    return true;
}

unsigned retry_budget_left(const retry_budget *b, int64_t now_ns)
{
    return (uint32_t)with_floor(b, atomic_load(&b->word), now_ns) / RETRY_TOKENS;
}
