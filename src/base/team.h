/* A leader and helping threads, called mates, do one job together. The leader owns the job; mates join when they are
 * free and may leave at any time.
 *
 * A job is a sequence of phases, the same for every member. A phase is a number of chunks that may be computed in any
 * order; it begins when all chunks of the phase before are done. Members claim chunks: each begins with a range of
 * its own, so that neighbouring chunks mostly stay with one thread, and then helps with the others' ranges. The
 * leader waits only for chunks that a mate has claimed. A mate that wakes up late, is preempted between two chunks,
 * is called away or never comes delays nothing.
 *
 * Waiting means spinning for some microseconds, then sleeping in the kernel. Results do not depend on which thread
 * computed a chunk, as long as a chunk's own result does not.
 *
 * Invariants, whichever thread is preempted where and for however long (test_team_schedules.c tries the places one by
 * one):
 * - A job is written down only while no mate is inside. A mate that has joined reads that job until it leaves.
 * - Between team_end and team_leave a mate may still be inside while the leader computes its next job alone. So the
 *   phases that a mate goes through, and their numbers of chunks, must come from values that it copied, or that are
 *   written only while nobody is inside. The data of the chunks may be overwritten after team_end: a finished job has
 *   no chunk left to claim.
 * - A chunk is claimed by one member, once. The leader leaves a phase only when all claimed chunks of it are done.
 * - A member sleeps only while its job is open and other members still work on chunks of its phase. The last of these
 *   wakes it, and so does the end of the job. */
#ifndef BASE_TEAM_H
#define BASE_TEAM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEAM_MOST_RANGES 8        /* members beyond these only help with the others' ranges */
#define TEAM_MOST_CHUNKS 0xffffff /* of a phase */

typedef struct team team;

/* A thread's place in a job. Belongs to the thread; zeroed, it is that of a leader without a team, who does every phase in
 * one piece. */
typedef struct team_member {
    team *team;
    unsigned index;                 /* of the range to begin with */
    uint64_t phase;                 /* of the next team_phase */
    uint64_t due;                   /* chunks done, over the team's life, when that phase may begin */
    const atomic_uint *called_away; /* NULL, or nonzero once the mate is to go */
} team_member;

/* Does chunks first .. first + count - 1 of a phase. */
typedef void (*team_work)(void *cookie, size_t first, size_t count);

/* spin: whether waiting members may spin at first; better not where there are more threads than CPUs. NULL = out of
 * memory. */
team *team_open(bool spin);
/* No thread may be inside any more. NULL allowed. */
void team_close(team *t);

/* The leader's thread: whether no mate is inside any more, so that a next job may be written down and begun. Waits a few
 * microseconds for those that are on their way out. */
bool team_is_free(const team *t);
/* Begins a job of a free team; the mates see all that was written before. ranges: how many members are expected, the
 * leader included; >= 1. */
void team_lead(team *t, unsigned ranges, team_member *leader);
/* Ends the job, whose phases are all done, and wakes mates that wait. Mates may be inside for some time more, but do
 * not touch the data of the chunks. */
void team_end(team_member *leader);

/* Called by a mate's thread. False: no job is under way. After true: copy the description of the job, go through its
 * phases until team_phase returns false or none is left, then leave. */
bool team_join(team *t, const atomic_uint *called_away, team_member *mate);
void team_leave(team_member *mate);

/* Works on the next phase and returns when all its chunks are done: true. False: a mate is called away, or its job is
 * over. */
bool team_phase(team_member *member, size_t chunks, team_work work, void *cookie);

/* A short pause between two reads of a value that another thread is about to change. */

static inline void spin_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory"); /* yield does nothing on most cores */
#else
    __asm__ volatile("" ::: "memory");
#endif
}

#endif
