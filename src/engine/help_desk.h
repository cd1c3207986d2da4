/* Who wants help with a pass, for pools of workers that let the idle ones help by encoder_team_help. Without threads or a
 * lock of its own: whoever uses it holds the pool's lock. */
#ifndef ENGINE_HELP_DESK_H
#define ENGINE_HELP_DESK_H

#include "engine/encoder.h"

/* More workers than this are of no use to a pass. */
#define HELP_DESK_MOST_TEAM 8

/* One worker's place. */
typedef struct help_seat {
    bool wants_help; /* computes a pass that others can join */
    unsigned helpers;
    uint64_t pass; /* number of that pass */
} help_seat;

typedef struct help_desk {
    help_seat *seats; /* [count] */
    unsigned count;
    uint64_t passes; /* begun so far */
    /* Nonzero while there is something better to do than to help; the lock is held to change it, not to read it. */
    atomic_uint call_away;
} help_desk;

/* False = out of memory. */
bool help_desk_open(help_desk *desk, unsigned count);
void help_desk_close(help_desk *desk);

/* Between encoder_team_begin and encoder_team_run of worker `index`, and after the latter. */
void help_desk_ask(help_desk *desk, unsigned index);
void help_desk_thank(help_desk *desk, unsigned index);

/* The worker to help: the one with the fewest helpers. False = nobody wants help. */
bool help_desk_find(const help_desk *desk, unsigned *index);
/* Around the help, which is given without the lock. enter returns what leave takes back. */
uint64_t help_desk_enter(help_desk *desk, unsigned index);
void help_desk_leave(help_desk *desk, unsigned index, uint64_t pass);

/* How many workers a pass that begins now may count on, when `idle` ones wait and nothing else is queued. */
unsigned help_desk_team(unsigned idle);

#endif
