#include "http/connection/timer_wheel.h"

#include "base/clock.h"

static int64_t tick_of(int64_t ns)
{
    return ns / TIMER_WHEEL_TICK_NS;
}

void timer_wheel_init(timer_wheel *wheel, int64_t now_ns)
{
    *wheel = (timer_wheel){.tick = tick_of(now_ns)};
}

void timer_wheel_cancel(timer_wheel *wheel, wheel_timer *timer)
{
    if (timer->link == NULL)
        return;
    *timer->link = timer->next;
    if (timer->next != NULL)
        timer->next->link = timer->link;
    timer->link = NULL;
    wheel->count--;
}

/* Into the slot behind its deadline; one that is too far away into the last slot but that which is being emptied, to be moved
 * on from there. */
static void hang(timer_wheel *wheel, wheel_timer *timer)
{
    const int64_t last = wheel->tick + TIMER_WHEEL_SLOTS - 2, wanted = tick_of(timer->due_ns) + 1;
    timer->tick = wanted > last ? last : wanted > wheel->tick ? wanted : wheel->tick;
    wheel_timer **slot = &wheel->slots[timer->tick % TIMER_WHEEL_SLOTS];
    timer->next = *slot;
    timer->link = slot;
    if (*slot != NULL)
        (*slot)->link = &timer->next;
    *slot = timer;
    wheel->count++;
}

void timer_wheel_set(timer_wheel *wheel, wheel_timer *timer, int64_t due_ns)
{
    timer->due_ns = due_ns;
    if (due_ns == TIMER_WHEEL_NEVER) {
        timer_wheel_cancel(wheel, timer);
    } else if (timer->link == NULL || tick_of(due_ns) + 1 < timer->tick) {
        timer_wheel_cancel(wheel, timer);
        hang(wheel, timer);
    }
}

/* Puts off or returns the first timer of the slot; NULL when it is empty. */
static wheel_timer *look_at(timer_wheel *wheel, wheel_timer **slot, int64_t now_ns)
{
    while (*slot != NULL) {
        wheel_timer *timer = *slot;
        timer_wheel_cancel(wheel, timer);
        if (timer->due_ns <= now_ns)
            return timer;
        hang(wheel, timer);
    }
    return NULL;
}

wheel_timer *timer_wheel_expire(timer_wheel *wheel, int64_t now_ns)
{
    const int64_t now = tick_of(now_ns);
    if (now - wheel->tick > TIMER_WHEEL_SLOTS) /* after a pause of the process: each slot once is enough */
        wheel->tick = now - TIMER_WHEEL_SLOTS;
    while (wheel->tick <= now) {
        wheel_timer **slot = &wheel->slots[wheel->tick % TIMER_WHEEL_SLOTS];
        wheel->tick++; /* what is put off does not come back into this slot */
        wheel_timer *due = look_at(wheel, slot, now_ns);
        if (due != NULL) {
            wheel->tick--; /* there may be more */
            return due;
        }
    }
    return NULL;
}

int timer_wheel_wait_ms(const timer_wheel *wheel, int64_t now_ns)
{
    if (wheel->count == 0)
        return -1;
    for (int64_t tick = wheel->tick; tick < wheel->tick + TIMER_WHEEL_SLOTS; tick++)
        if (wheel->slots[tick % TIMER_WHEEL_SLOTS] != NULL) {
            const int64_t left_ns = tick * TIMER_WHEEL_TICK_NS - now_ns;
            return left_ns > 0 ? (int)((left_ns + NS_PER_MS - 1) / NS_PER_MS) : 0;
        }
    return -1;
}
