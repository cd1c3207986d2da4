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
 * long as a chunk's do not. */
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
/* Ends it: all phases are done. Mates may be inside for some microseconds more, but touch nothing of the job. */
void team_end(team_member *leader);

/* A mate's thread: false when no job is under way. Walk through the job's phases until one returns false or none is left,
 * then leave. */
bool team_join(team *t, const atomic_uint *called_away, team_member *mate);
void team_leave(team_member *mate);

/* Works on the next phase and returns when all its chunks are done: true. False: a mate is called away. */
bool team_phase(team_member *member, size_t chunks, team_work work, void *cookie);

#endif
