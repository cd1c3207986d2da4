/* A thread that waits for descriptors, deadlines and other threads' tasks (epoll, edge-triggered), and runs what each has to
 * do. It knows nothing of HTTP but the things that all connections of a thread share: a buffer to read into, and the date.
 *
 * In each turn it runs events, then tasks, then what is due, and at last what was buried: so nothing that an event of this turn
 * points to is freed before the turn ends. At most so many deadlines are served in a turn, because thousands that are late at
 * once, as slow clients are, would keep the others waiting. */
#ifndef HTTP_CONNECTION_LOOP_H
#define HTTP_CONNECTION_LOOP_H

#include "akidb/embed.h"
#include "http/connection/timer_wheel.h"

#include <stdatomic.h>
#include <stdint.h>

/* The value of the header Date (RFC 9110 section 5.6.7), written anew once a second. */

#define HTTP_DATE_BYTES 30

typedef struct http_date {
    int64_t second; /* of the text; 0 = none yet */
    char text[HTTP_DATE_BYTES];
} http_date;

/* "Sun, 06 Nov 1994 08:49:37 GMT" for this time of the wall clock; valid until the next call. One thread. */
const char *http_date_text(http_date *date, int64_t wall_ns);

#define LOOP_SCRATCH_BYTES ((size_t)64 << 10)

typedef struct http_loop http_loop;

/* The first member of whatever is registered with http_loop_watch. events: of epoll. */
typedef struct loop_source {
    void (*run)(struct loop_source *self, uint32_t events);
} loop_source;

/* Something to run once. Belongs to the loop until it runs. */
typedef struct loop_task {
    struct loop_task *next;
    void (*run)(struct loop_task *self);
} loop_task;

/* timer is its first member. */
typedef struct loop_timer {
    wheel_timer timer;
    void (*run)(struct loop_timer *self);
} loop_timer;

struct http_loop {
    char *scratch; /* [LOOP_SCRATCH_BYTES], of whoever runs */
    http_date date;
    void *owner; /* of whoever opened the loop */
};

/* No thread yet. Errors: AKI_OUT_OF_MEMORY, AKI_IO_ERROR. */
AKI_MUST_CHECK aki_status http_loop_open(http_loop **out, void *owner, aki_error *error);
/* Error: AKI_OUT_OF_MEMORY, no more threads. */
AKI_MUST_CHECK aki_status http_loop_start(http_loop *loop, aki_error *error);
/* Ends the thread, if there is one, after the turn under way, and runs the tasks that are left. */
void http_loop_stop(http_loop *loop);
/* Frees it. Runs what was buried. NULL allowed. */
void http_loop_close(http_loop *loop);

/* Runs the task on the loop's thread. From any thread; tasks of one thread run in their order. */
void http_loop_post(http_loop *loop, loop_task *task);

/* The functions below are called on the loop's own thread, or while it has none. */

/* False = the system refused. events: of epoll. */
bool http_loop_watch(http_loop *loop, int descriptor, uint32_t events, loop_source *source);
void http_loop_unwatch(http_loop *loop, int descriptor);
/* Runs the task in the next turn, which begins at once. */
void http_loop_defer(http_loop *loop, loop_task *task);
/* Runs the task at the end of the turn. */
void http_loop_bury(http_loop *loop, loop_task *task);
/* due_ns: of clock_monotonic_ns; TIMER_WHEEL_NEVER = cancels. */
void http_loop_set_timer(http_loop *loop, loop_timer *timer, int64_t due_ns);

#endif
