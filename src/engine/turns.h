/* Decides which source a free worker takes its next pass from, where several have work waiting.
 *
 * By class first: health checks, then interactive work, then bulk work, which gets at least one part in
 * TURNS_BULK_ONE_IN of the computing time while both wait. Within a class the source goes first that has had the least
 * computing time for it, counted from when it last began to have such work: so each gets an equal share, and a source
 * that was idle neither saves up time nor owes any. A source whose request has an earlier deadline may go before it, if it is
 * less than one of its passes ahead.
 *
 * The source that is due is overtaken once at most, whatever the reason. So a query of a quiet source begins after the
 * passes under way and at most one more of a busy one.
 *
 * Without threads, locks or a clock: the crew calls it with its lock held and passes the time. */
#ifndef ENGINE_TURNS_H
#define ENGINE_TURNS_H

#include <stdbool.h>
#include <stdint.h>

#define TURNS_BULK_ONE_IN 5

typedef enum turns_class {
    TURNS_CHECK, /* health checks: short, and nothing goes before them */
    TURNS_INTERACTIVE,
    TURNS_BULK,
    TURNS_CLASSES
} turns_class;

/* The next pass that a source has waiting. */
typedef struct turns_offer {
    turns_class of_class;
    int64_t start_ns;    /* when its next pass should begin; INT64_MAX = nothing waits */
    int64_t deadline_ns; /* of the request that is first in that pass; INT64_MAX = none */
} turns_offer;

/* A source as the policy sees it. Zeroed at first; the fields above the blank line are the owner's. */
typedef struct turn turn;
struct turn {
    turns_offer offer; /* filled in before turns_pick */
    bool barred;       /* not to be picked now, whatever it offers */

    int64_t used_ns[TURNS_CLASSES];  /* of computing time, on a scale that all sources share */
    int64_t cost_ns[TURNS_CLASSES];  /* of a pass, recently; 0 = not known */
    unsigned running[TURNS_CLASSES]; /* passes begun and not ended */
    bool active[TURNS_CLASSES];      /* offers such work, or it is running */
    bool overtaken;                  /* since its last pass, or since it became active */
    uint64_t last;                   /* number of its last pass; 0 = none */
    turn *next;
};

typedef struct turn_order {
    turn *first;
    int64_t now_used_ns[TURNS_CLASSES]; /* the least used_ns of active sources, which never falls */
    /* computing time * (TURNS_BULK_ONE_IN - 1) that bulk work has to get; negative = had more */
    int64_t bulk_due_ns;
    uint64_t passes; /* begun so far */
} turn_order;

void turns_add(turn_order *t, turn *source);
void turns_remove(turn_order *t, turn *source);

/* The source whose pass is to begin now, or NULL. Reads the offers of all sources. */
turn *turns_pick(turn_order *t, int64_t now_ns);

/* The pass that turns_pick chose begins: books what it is expected to cost, which turns_end takes back. */
int64_t turns_begin(turn_order *t, turn *source);
/* The pass of that class has ended after duration_ns. */
void turns_end(turn *source, turns_class of_class, int64_t booked_ns, int64_t duration_ns);
/* How many other sources have work waiting or running, as of the last pick. */
unsigned turns_others(const turn_order *t, const turn *source);
/* Books computing time for a pass of that class beside the worker that began it: of one that helped. */
void turns_charge(turn *source, turns_class of_class, int64_t duration_ns);

#endif
