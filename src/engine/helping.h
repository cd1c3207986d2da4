/* Chooses the pass that an idle worker of a crew helps with by encoder_team_help. Without threads or a lock of its own:
 * the crew holds its lock. */
#ifndef ENGINE_HELPING_H
#define ENGINE_HELPING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* More workers than this are of no use to a pass. */
#define HELPING_MOST_TEAM 8

/* The pass that one worker computes. */
typedef struct helped_pass {
    bool wants_help; /* others can join it */
    unsigned helpers;
    uint64_t number;
} helped_pass;

typedef struct helping {
    helped_pass *of; /* [count]: by worker */
    unsigned count;
    uint64_t passes; /* begun so far */
    /* Nonzero while there is something better to do than to help; the lock is held to change it, not to read it. */
    atomic_uint call_away;
} helping;

/* False = out of memory. */
bool helping_open(helping *h, unsigned count);
void helping_close(helping *h);

/* Between encoder_team_begin and encoder_team_run of worker `index`, and after the latter. */
void helping_ask(helping *h, unsigned index);
void helping_end(helping *h, unsigned index);

/* The worker to help: the one with the fewest helpers. False = nobody wants help. */
bool helping_find(const helping *h, unsigned *index);
/* Around the help, which is given without the lock. enter returns the pass's number, which leave takes back. */
uint64_t helping_enter(helping *h, unsigned index);
void helping_leave(helping *h, unsigned index, uint64_t number);

/* How many workers a pass that begins now may count on, when `idle` ones wait and nothing else is queued. */
unsigned helping_team(unsigned idle);

#endif
