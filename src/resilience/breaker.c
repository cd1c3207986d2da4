#include "resilience/breaker.h"

#include "resilience/breaker_word.h"

#include <sched.h>

/* Another thread may come in between on the same CPU, therefore additions are atomic all the same. */
static breaker_shard *own_shard(breaker *b)
{
    int cpu = sched_getcpu();
    return &b->shards[cpu < 0 ? 0 : cpu % BREAKER_SHARDS];
}

static bool admit_slowly(breaker *b, uint64_t tick, breaker_ticket *ticket)
{
    for (;;) {
        breaker_word w = breaker_unpack(breaker_settle(b, tick));
        *ticket = (breaker_ticket){.generation = w.generation};
        if (w.state == BREAKER_CLOSED || w.state == BREAKER_DISABLED || w.state == BREAKER_METRICS_ONLY)
            return true;
        if (w.state != BREAKER_HALF_OPEN ||
            !probe_leases_take(&b->leases, w.generation, tick, &ticket->lease))
            return false;
        if (breaker_unpack(atomic_load(&b->word)).generation == w.generation)
            return true;
        probe_leases_give_back(&b->leases, ticket->lease); /* of a generation that ended in between */
    }
}

bool breaker_admit(breaker *b, int64_t now_ns, breaker_ticket *ticket)
{
    breaker_word w = breaker_unpack(atomic_load_explicit(&b->word, memory_order_acquire));
    if (__builtin_expect(w.state == BREAKER_CLOSED, true)) {
        *ticket = (breaker_ticket){.generation = w.generation};
        return true;
    }
    if (admit_slowly(b, breaker_tick(b, now_ns), ticket))
        return true;
    breaker_count(&own_shard(b)->not_permitted);
    return false;
}

/* The place is given back before the outcome counts, and only by the one who still holds it. */
static bool record_probe(breaker *b, breaker_ticket ticket, breaker_outcome outcome, uint64_t tick)
{
    uint64_t seen = breaker_settle(b, tick);
    if (!probe_leases_give_back(&b->leases, ticket.lease))
        return false;
    for (;;) {
        breaker_word w = breaker_unpack(seen);
        if (w.generation != ticket.generation)
            return false;
        if (outcome == BREAKER_IGNORED)
            return true;
        bool done;
        if (outcome == BREAKER_FAILURE) {
            done = breaker_reopen(b, &seen, tick);
        } else if (w.successes + 1 >= b->settings.successes) {
            done = breaker_change(b, &seen, (breaker_word){.state = BREAKER_CLOSED});
        } else {
            w.successes++;
            done = atomic_compare_exchange_strong(&b->word, &seen, breaker_pack(w));
        }
        if (done)
            return true;
    }
}

static void record_failure(breaker *b, uint64_t seen, uint64_t tick)
{
    breaker_word w = breaker_unpack(seen);
    if (w.state == BREAKER_CLOSED) {
        if (failure_window_add(&b->window, w.generation, tick))
            breaker_open(b, &seen, 0, tick);
    } else if (w.state == BREAKER_METRICS_ONLY) {
        /* A new generation empties the window, as opening would have. */
        if (failure_window_add(&b->window, w.generation, tick) &&
            breaker_change(b, &seen, (breaker_word){.state = BREAKER_METRICS_ONLY}))
            breaker_count(&b->would_have_opened);
    }
}

bool breaker_record(breaker *b, breaker_ticket ticket, breaker_outcome outcome, int64_t now_ns)
{
    bool counts;
    if (ticket.lease.lease != 0) {
        counts = record_probe(b, ticket, outcome, breaker_tick(b, now_ns));
    } else {
        uint64_t seen = atomic_load_explicit(&b->word, memory_order_acquire);
        counts = breaker_unpack(seen).generation == ticket.generation;
        if (counts && outcome == BREAKER_FAILURE)
            record_failure(b, seen, breaker_tick(b, now_ns));
    }
    breaker_shard *mine = own_shard(b);
    breaker_count(counts ? &mine->calls[outcome] : &mine->late);
    return counts;
}
