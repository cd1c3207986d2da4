/* Deadlines of many connections, most of which are put off again and again and never come (a hashed timing wheel; Varghese and
 * Lauck 1987). Setting and cancelling take constant time. Putting a deadline off only stores it: the timer moves when its old
 * slot comes up. A timer is found up to TIMER_WHEEL_TICK_NS late, never early. One thread; the caller passes the time. */
#ifndef HTTP_CONNECTION_TIMER_WHEEL_H
#define HTTP_CONNECTION_TIMER_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TIMER_WHEEL_SLOTS 256
#define TIMER_WHEEL_TICK_NS (INT64_C(50) * 1000000)
/* Never. */
#define TIMER_WHEEL_NEVER INT64_MAX

/* Part of what has the deadline; begins as zeros. */
typedef struct wheel_timer {
    struct wheel_timer *next, **link; /* link NULL: in no slot */
    int64_t due_ns;
    int64_t tick; /* of its slot */
} wheel_timer;

typedef struct timer_wheel {
    wheel_timer *slots[TIMER_WHEEL_SLOTS];
    int64_t tick; /* all before it have been looked at */
    size_t count;
} timer_wheel;

void timer_wheel_init(timer_wheel *wheel, int64_t now_ns);
void timer_wheel_set(timer_wheel *wheel, wheel_timer *timer, int64_t due_ns);
void timer_wheel_cancel(timer_wheel *wheel, wheel_timer *timer);

/* One whose time has come, taken off the wheel; NULL = no more for now. */
wheel_timer *timer_wheel_expire(timer_wheel *wheel, int64_t now_ns);

/* Milliseconds until there may be one; -1 = there are no timers. */
int timer_wheel_wait_ms(const timer_wheel *wheel, int64_t now_ns);

#endif
