#include "engine/turns.h"

#include <stddef.h>

/* A new pass counts for one part in this many of the recent cost. */
#define COST_PARTS 4

void turns_add(turn_order *t, turn *source)
{
    source->next = t->first;
    t->first = source;
}

void turns_remove(turn_order *t, turn *source)
{
    turn **link = &t->first;
    while (*link != source)
        link = &(*link)->next;
    *link = source->next;
}

static bool waits(const turn *s)
{
    return s->offer.start_ns != INT64_MAX;
}

static bool has_work(const turn *s, turns_class of_class)
{
    return s->running[of_class] > 0 || (waits(s) && s->offer.of_class == of_class);
}

/* Brings in the sources that have got work of the class, and lets go of those that have none left. */
static void refresh(turn_order *t, turns_class of_class)
{
    int64_t least_ns = INT64_MAX, *now_ns = &t->now_used_ns[of_class];
    for (turn *s = t->first; s != NULL; s = s->next)
        if (s->active[of_class] && has_work(s, of_class) && s->used_ns[of_class] < least_ns)
            least_ns = s->used_ns[of_class];
    if (least_ns != INT64_MAX && least_ns > *now_ns)
        *now_ns = least_ns;
    for (turn *s = t->first; s != NULL; s = s->next) {
        const bool active = has_work(s, of_class);
        if (active && !s->active[of_class] && s->used_ns[of_class] < *now_ns)
            s->used_ns[of_class] = *now_ns;
        s->active[of_class] = active;
    }
}

static bool is_ready(const turn *s, turns_class of_class, int64_t now_ns)
{
    return !s->barred && waits(s) && s->offer.start_ns <= now_ns && s->offer.of_class == of_class;
}

/* Less computing time first; among equals the one whose last pass is longer ago. */
static bool goes_before(const turn *a, const turn *b, turns_class of_class)
{
    const int64_t a_ns = a->used_ns[of_class], b_ns = b->used_ns[of_class];
    return a_ns != b_ns ? a_ns < b_ns : a->last < b->last;
}

static turn *due_of(const turn_order *t, turns_class of_class, int64_t now_ns)
{
    turn *due = NULL;
    for (turn *s = t->first; s != NULL; s = s->next)
        if (is_ready(s, of_class, now_ns) && (due == NULL || goes_before(s, due, of_class)))
            due = s;
    return due;
}

/* The source with the earliest deadline that is less than one of its passes ahead of the one that is due. */
static turn *most_urgent(const turn_order *t, turn *due, int64_t now_ns)
{
    const turns_class of_class = due->offer.of_class;
    turn *urgent = due;
    for (turn *s = t->first; s != NULL; s = s->next)
        if (is_ready(s, of_class, now_ns) && s->offer.deadline_ns < urgent->offer.deadline_ns &&
            s->used_ns[of_class] - due->used_ns[of_class] < s->cost_ns[of_class])
            urgent = s;
    return urgent;
}

static bool bulk_is_due(const turn_order *t, const turn *bulk)
{
    return t->bulk_due_ns >= bulk->cost_ns[TURNS_BULK] * (TURNS_BULK_ONE_IN - 1);
}

/* Lets `other` go before `due`, unless one has since its last pass. */
static turn *overtake(turn *due, turn *other)
{
    if (other == due || due->overtaken)
        return due;
    due->overtaken = true;
    return other;
}

turn *turns_pick(turn_order *t, int64_t now_ns)
{
    for (turn *s = t->first; s != NULL; s = s->next)
        s->overtaken = s->overtaken && waits(s);
    for (turns_class c = 0; c < TURNS_CLASSES; c++)
        refresh(t, c);
    turn *check = due_of(t, TURNS_CHECK, now_ns);
    if (check != NULL)
        return check;
    turn *due = due_of(t, TURNS_INTERACTIVE, now_ns), *bulk = due_of(t, TURNS_BULK, now_ns);
    if (due == NULL)
        due = bulk;
    else if (bulk != NULL && bulk_is_due(t, bulk))
        return overtake(due, bulk);
    return due != NULL ? overtake(due, most_urgent(t, due, now_ns)) : NULL;
}

/* Time for which bulk work of some source waits earns it its share; its own passes use that up. What is due is bounded
 * both ways, so that neither class makes the other pay later for what it did not need before. */
static void book_share(turn_order *t, const turn *source, int64_t cost_ns)
{
    int64_t most_ns = -1;
    for (const turn *s = t->first; s != NULL; s = s->next)
        if (waits(s) && s->offer.of_class == TURNS_BULK && s->cost_ns[TURNS_BULK] > most_ns)
            most_ns = s->cost_ns[TURNS_BULK];
    most_ns *= TURNS_BULK_ONE_IN - 1;
    if (most_ns < 0)
        return;
    if (source->offer.of_class == TURNS_BULK)
        t->bulk_due_ns -= cost_ns * (TURNS_BULK_ONE_IN - 1);
    else if (source->offer.of_class == TURNS_INTERACTIVE)
        t->bulk_due_ns += cost_ns;
    if (t->bulk_due_ns > 2 * most_ns)
        t->bulk_due_ns = 2 * most_ns;
    if (t->bulk_due_ns < -most_ns)
        t->bulk_due_ns = -most_ns;
}

int64_t turns_begin(turn_order *t, turn *source)
{
    const turns_class of_class = source->offer.of_class;
    const int64_t cost_ns = source->cost_ns[of_class];
    book_share(t, source, cost_ns);
    source->running[of_class]++;
    source->overtaken = false;
    source->last = ++t->passes;
    source->used_ns[of_class] += cost_ns;
    return cost_ns;
}

void turns_end(turn *source, turns_class of_class, int64_t booked_ns, int64_t duration_ns)
{
    int64_t *cost_ns = &source->cost_ns[of_class];
    source->running[of_class]--;
    source->used_ns[of_class] += duration_ns - booked_ns;
    *cost_ns = *cost_ns == 0 ? duration_ns : *cost_ns + (duration_ns - *cost_ns) / COST_PARTS;
}

void turns_charge(turn *source, turns_class of_class, int64_t duration_ns)
{
    source->used_ns[of_class] += duration_ns;
}

unsigned turns_others(const turn_order *t, const turn *source)
{
    unsigned others = 0;
    for (const turn *s = t->first; s != NULL; s = s->next)
        for (turns_class c = 0; s != source && c < TURNS_CLASSES; c++)
            if (s->active[c]) {
                others++;
                break;
            }
    return others;
}
