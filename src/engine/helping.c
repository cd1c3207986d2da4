#include "engine/helping.h"

#include "base/memory.h"

bool helping_open(helping *h, unsigned count)
{
    h->of = mem_zalloc(count, sizeof *h->of);
    h->count = h->of != NULL ? count : 0;
    h->passes = 0;
    atomic_store(&h->call_away, 0);
    return h->of != NULL;
}

void helping_close(helping *h)
{
    mem_free(h->of);
    h->of = NULL;
    h->count = 0;
}

void helping_ask(helping *h, unsigned index)
{
    h->of[index].wants_help = true;
    h->of[index].number = ++h->passes;
}

void helping_end(helping *h, unsigned index)
{
    h->of[index].wants_help = false;
}

bool helping_find(const helping *h, unsigned *index)
{
    const helped_pass *best = NULL;
    for (unsigned i = 0; i < h->count; i++) {
        const helped_pass *p = &h->of[i];
        if (p->wants_help && p->helpers + 1 < HELPING_MOST_TEAM &&
            (best == NULL || p->helpers < best->helpers)) {
            best = p;
            *index = i;
        }
    }
    return best != NULL;
}

uint64_t helping_enter(helping *h, unsigned index)
{
    h->of[index].helpers++;
    return h->of[index].number;
}

void helping_leave(helping *h, unsigned index, uint64_t number)
{
    helped_pass *p = &h->of[index];
    p->helpers--;
    /* Back without being called: that pass has nothing more to give. */
    if (p->number == number && atomic_load(&h->call_away) == 0)
        p->wants_help = false;
}

unsigned helping_team(unsigned idle)
{
    return idle + 1 < HELPING_MOST_TEAM ? idle + 1 : HELPING_MOST_TEAM;
}
