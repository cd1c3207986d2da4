#include "server/access_sampler.h"

#include "base/clock.h"

void access_sampler_init(access_sampler *s, uint64_t per_second)
{
    s->per_second = per_second;
    atomic_init(&s->second, -1);
    atomic_init(&s->taken, 0);
    atomic_init(&s->left_out, 0);
}

bool access_sampler_admit(access_sampler *s, int64_t now_ns, uint64_t *left_out)
{
    int64_t now = now_ns / NS_PER_S, before = atomic_load_explicit(&s->second, memory_order_relaxed);
    if (now > before && atomic_compare_exchange_strong(&s->second, &before, now))
        atomic_store_explicit(&s->taken, 0, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&s->taken, 1, memory_order_relaxed) >= s->per_second) {
        atomic_fetch_add_explicit(&s->left_out, 1, memory_order_relaxed);
        return false;
    }
    *left_out = atomic_exchange_explicit(&s->left_out, 0, memory_order_relaxed);
    return true;
}
