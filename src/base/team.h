/* Several threads doing one job together: a leader, which owns the job, and mates, which come when they can and go when
 * they like.
 *
 * A job is a sequence of phases that every member walks through alike; a phase is a number of chunks that may be worked
 * on in any order, and it begins when all chunks of the one before are done. Chunks are claimed, not dealt out: each
 * member begins with a range of its own, so that neighbouring chunks mostly stay with one thread, and then helps with
 * the others' ranges. So the leader waits for chunks that a mate is working on, never for a mate: one that wakes up
 * late, was preempted between two chunks, is called away or never comes costs nothing but its help.
 *
 * Waiting means spinning for some microseconds, then sleeping in the kernel. Results do not depend on who did what as
 * long as a chunk's do not.
 *
 * Invariants, whoever is preempted where and for however long (test_team_schedules.c tries the places one by one):
 * - A job is written down only while no mate is inside; a mate that has joined reads the job that it joined until it leaves.
 * - Between team_end and team_leave a mate may still be inside, with the leader computing its next job alone. So which phases
 *   a mate goes through, and of how many chunks, must come from values that it copied or that are written only while
 *   nobody is inside. What the chunks work on may be overwritten after team_end: a job whose phases are done has no chunk
 *   left to claim.
 * - A chunk is claimed by one member, once. The leader passes a phase only when all claimed chunks of it are done.
 * - A member sleeps only while its job is open and chunks of its phase are claimed by others that are still working on them.
 *   The last of these wakes it, and so does the end of the job. */
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
/* Ends it: all phases are done. Wakes mates that wait, if any. Mates may be inside for some time more, but touch nothing of
 * what the chunks worked on. */
void team_end(team_member *leader);

/* A mate's thread: false when no job is under way. After true: copy what describes the job, go through its phases until one
 * returns false or none is left, then leave. */
bool team_join(team *t, const atomic_uint *called_away, team_member *mate);
void team_leave(team_member *mate);

/* Works on the next phase and returns when all its chunks are done: true. False: a mate is called away, or its job is
 * over. */
bool team_phase(team_member *member, size_t chunks, team_work work, void *cookie);

#endif
