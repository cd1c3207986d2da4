#include "base/team.h"

#include "base/memory.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CACHE_LINE 64
/* 40 to 150 us on the CPUs of today: longer than a member usually takes for a chunk, shorter than a slice of time. */
#define SPINS 4000
#define LEAVING_SPINS 100 /* 1 to 4 us: a mate that is not preempted is out by then */
#define CHUNK_BITS 24

/* A test that schedules the threads itself includes this file with its own versions of these three. */
#ifndef TEAM_POINT
#define TEAM_POINT() ((void)0) /* another thread may be scheduled here */
#define TEAM_SLEEP(word, seen) ((void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0))
#define TEAM_WAKE(word) ((void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0))
#endif

/* A range's state is one number, phase << CHUNK_BITS | chunks claimed. Phases are numbered over the team's life, so that
 * nothing has to be reset: what belongs to an earlier phase counts as nothing claimed. */
typedef struct team_range {
    _Alignas(CACHE_LINE) atomic_uint_fast64_t claimed;
} team_range;

struct team {
    _Alignas(CACHE_LINE) atomic_uint_fast64_t done; /* chunks, over the team's life */
    _Alignas(CACHE_LINE) atomic_uint sleepers;
    atomic_uint wakes; /* what sleepers sleep on */
    atomic_uint inside, joined;
    uint64_t next_phase, next_due; /* the leader's own */
    _Alignas(CACHE_LINE) atomic_bool open;
    bool spin;
    /* Of the job under way; written by the leader while nobody is inside. */
    unsigned ranges_used;
    uint64_t first_phase, first_due;
    team_range ranges[TEAM_MOST_RANGES];
};

team *team_open(bool spin)
{
    team *t = mem_zalloc_aligned(1, sizeof *t);
    if (t == NULL)
        return NULL;
    t->spin = spin;
    t->next_phase = 1;
    return t;
}

void team_close(team *t)
{
    mem_free(t);
}

bool team_is_free(const team *t)
{
    for (unsigned spins = LEAVING_SPINS; spins > 0 && atomic_load(&t->inside) != 0; spins--)
        spin_pause();
    return atomic_load(&t->inside) == 0;
}

void team_lead(team *t, unsigned ranges, team_member *leader)
{
    t->ranges_used = ranges < TEAM_MOST_RANGES ? ranges : TEAM_MOST_RANGES;
    t->first_phase = t->next_phase;
    t->first_due = t->next_due;
    atomic_store(&t->joined, 0);
    *leader = (team_member){.team = t, .phase = t->first_phase, .due = t->first_due};
    TEAM_POINT();
    atomic_store(&t->open, true);
    TEAM_POINT();
}

/* A thread that goes to sleep first changes `sleepers` and then looks at what it waits for; a thread that brings that
 * about does so first and then looks at `sleepers`. So at least one of the two sees the other, and no thread stays
 * asleep. */
static void wake_sleepers(team *t)
{
    TEAM_POINT();
    if (atomic_load(&t->sleepers) == 0)
        return;
    atomic_fetch_add(&t->wakes, 1);
    TEAM_POINT();
    TEAM_WAKE(&t->wakes);
}

void team_end(team_member *leader)
{
    team *t = leader->team;
    if (t == NULL)
        return;
    TEAM_POINT();
    atomic_store(&t->open, false);
    wake_sleepers(t);
    t->next_phase = leader->phase;
    t->next_due = leader->due;
}

bool team_join(team *t, const atomic_uint *called_away, team_member *mate)
{
    if (!atomic_load(&t->open))
        return false;
    TEAM_POINT();
    /* In this order: a leader that has seen nobody inside opens a job only after this one could see that none is. */
    atomic_fetch_add(&t->inside, 1);
    TEAM_POINT();
    if (!atomic_load(&t->open)) {
        atomic_fetch_sub(&t->inside, 1);
        return false;
    }
    TEAM_POINT();
    *mate = (team_member){
        .team = t,
        .index = (atomic_fetch_add(&t->joined, 1) + 1) % t->ranges_used,
        .phase = t->first_phase,
        .due = t->first_due,
        .called_away = called_away,
    };
    TEAM_POINT();
    return true;
}

void team_leave(team_member *mate)
{
    TEAM_POINT();
    atomic_fetch_sub(&mate->team->inside, 1);
    TEAM_POINT();
}

/* Claims half of what is left of a range of `size` chunks, at least one; false when nothing is. */
static bool claim(team_range *range, uint64_t phase, size_t size, size_t *first, size_t *count)
{
    uint_fast64_t seen = atomic_load_explicit(&range->claimed, memory_order_relaxed);
    for (;;) {
        TEAM_POINT();
        if (seen >> CHUNK_BITS > phase)
            return false;
        *first = seen >> CHUNK_BITS == phase ? seen & TEAM_MOST_CHUNKS : 0;
        if (*first >= size)
            return false;
        *count = (size - *first + 1) / 2;
        if (atomic_compare_exchange_weak_explicit(&range->claimed, &seen,
                                                  phase << CHUNK_BITS | (*first + *count),
                                                  memory_order_relaxed, memory_order_relaxed))
            return true;
    }
}

/* Counts chunks as done. The thread that completes the phase wakes those that sleep until then. */
static void add_done(team *t, size_t chunks, uint64_t due)
{
    TEAM_POINT();
    if (atomic_fetch_add(&t->done, chunks) + chunks == due)
        wake_sleepers(t);
}

/* For a mate: true when the job is over, or when it is called away. A leader's job is open until the leader ends it. */
static bool must_leave(const team_member *member)
{
    return !atomic_load_explicit(&member->team->open, memory_order_relaxed) ||
           (member->called_away != NULL &&
            atomic_load_explicit(member->called_away, memory_order_relaxed) != 0);
}

/* Waits until `due` chunks are done. False: the job is over, so the chunks counted may be of a later job. */
static bool wait_until(team *t, uint64_t due)
{
    for (unsigned spins = t->spin ? SPINS : 0; spins > 0; spins--) {
        if (atomic_load_explicit(&t->done, memory_order_acquire) >= due)
            return true;
        spin_pause();
    }
    TEAM_POINT();
    atomic_fetch_add(&t->sleepers, 1);
    TEAM_POINT();
    bool done, open;
    for (;;) {
        const unsigned wakes = atomic_load(&t->wakes);
        TEAM_POINT();
        open = atomic_load(&t->open);
        done = atomic_load(&t->done) >= due;
        if (done || !open)
            break;
        TEAM_SLEEP(&t->wakes, wakes);
    }
    atomic_fetch_sub(&t->sleepers, 1);
    return done;
}

bool team_phase(team_member *member, size_t chunks, team_work work, void *cookie)
{
    team *t = member->team;
    if (t == NULL) {
        work(cookie, 0, chunks);
        return true;
    }
    const uint64_t due = member->due + chunks;
    const unsigned ranges = t->ranges_used;
    for (unsigned i = 0; i < ranges; i++) {
        const unsigned index = (member->index + i) % ranges;
        const size_t begin = chunks * index / ranges, size = chunks * (index + 1) / ranges - begin;
        size_t first, count;
        while (!must_leave(member) && claim(&t->ranges[index], member->phase, size, &first, &count)) {
            TEAM_POINT();
            work(cookie, begin + first, count);
            add_done(t, count, due);
        }
    }
    if (must_leave(member) || !wait_until(t, due))
        return false;
    member->phase++;
    member->due = due;
    return true;
}
