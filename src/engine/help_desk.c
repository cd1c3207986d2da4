#include "engine/help_desk.h"

#include "base/memory.h"

bool help_desk_open(help_desk *desk, unsigned count)
{
    desk->seats = mem_zalloc(count, sizeof *desk->seats);
    desk->count = desk->seats != NULL ? count : 0;
    desk->passes = 0;
    atomic_store(&desk->call_away, 0);
    return desk->seats != NULL;
}

void help_desk_close(help_desk *desk)
{
    mem_free(desk->seats);
    desk->seats = NULL;
    desk->count = 0;
}

void help_desk_ask(help_desk *desk, unsigned index)
{
    desk->seats[index].wants_help = true;
    desk->seats[index].pass = ++desk->passes;
}

void help_desk_thank(help_desk *desk, unsigned index)
{
    desk->seats[index].wants_help = false;
}

bool help_desk_find(const help_desk *desk, unsigned *index)
{
    const help_seat *best = NULL;
    for (unsigned i = 0; i < desk->count; i++) {
        const help_seat *seat = &desk->seats[i];
        if (seat->wants_help && seat->helpers + 1 < HELP_DESK_MOST_TEAM &&
            (best == NULL || seat->helpers < best->helpers)) {
            best = seat;
            *index = i;
        }
    }
    return best != NULL;
}

uint64_t help_desk_enter(help_desk *desk, unsigned index)
{
    desk->seats[index].helpers++;
    return desk->seats[index].pass;
}

void help_desk_leave(help_desk *desk, unsigned index, uint64_t pass)
{
    help_seat *seat = &desk->seats[index];
    seat->helpers--;
    /* Back without being called: that pass has nothing more to give. */
    if (seat->pass == pass && atomic_load(&desk->call_away) == 0)
        seat->wants_help = false;
}

unsigned help_desk_team(unsigned idle)
{
    return idle + 1 < HELP_DESK_MOST_TEAM ? idle + 1 : HELP_DESK_MOST_TEAM;
}
