#include "http/connection/loop.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/thread.h"
#include "base/thread_slice.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 128
/* Deadlines that come together, as those of thousands of slow clients do, are met in groups with a pause after each, so that a
 * request waits behind one group and the clients that connect anew, and not behind all of them. */
#define GROUP_DUE 8
#define GROUP_PAUSE_NS NS_PER_MS
/* The shortest that the system gives: what these threads do at a time is shorter still. */
#define SLICE_NS (NS_PER_MS / 10)
/* Before the next try where the system cannot wait for events. */
#define PAUSE_NS NS_PER_MS
/* Memory for some connections, allocated and freed when the thread starts. The C library keeps it in the thread's arena, so that it is
 * there when the address space may not grow any more. */
#define RESERVE_BYTES ((size_t)96 << 10)

/* First come, first served. */
typedef struct task_list {
    loop_task *first, **end;
} task_list;

typedef struct loop {
    http_loop shared; /* what others see */
    int events, wake;
    loop_source waking;
    timer_wheel wheel;
    int64_t next_group_ns; /* no deadline is met before */
    task_list deferred, buried;
    _Atomic(loop_task *) posted; /* the last one first */
    atomic_bool stopping;
    pthread_t thread;
    bool started;
} loop;

static loop *inside(http_loop *shared)
{
    return (loop *)shared;
}

static void append(task_list *list, loop_task *task)
{
    task->next = NULL;
    if (list->first == NULL)
        list->end = &list->first;
    *list->end = task;
    list->end = &task->next;
}

static void run_all(task_list *list)
{
    loop_task *task = list->first;
    list->first = NULL;
    while (task != NULL) {
        loop_task *next = task->next;
        task->run(task);
        task = next;
    }
}

static void on_wake(loop_source *self, uint32_t events)
{
    const loop *l = (const loop *)((char *)self - offsetof(loop, waking));
    eventfd_t count;
    (void)events;
    (void)eventfd_read(l->wake, &count);
}

static void run_posted(loop *l)
{
    loop_task *last = atomic_exchange(&l->posted, NULL), *first = NULL;
    while (last != NULL) {
        loop_task *before = last->next;
        last->next = first;
        first = last;
        last = before;
    }
    task_list list = {.first = first};
    run_all(&list);
}

static void run_due(loop *l)
{
    const int64_t now_ns = clock_monotonic_ns();
    if (now_ns < l->next_group_ns)
        return;
    for (unsigned i = 0; i < GROUP_DUE; i++) {
        loop_timer *due = (loop_timer *)timer_wheel_expire(&l->wheel, now_ns);
        if (due == NULL)
            return;
        due->run(due);
    }
    l->next_group_ns = clock_monotonic_ns() + GROUP_PAUSE_NS;
}

static int find_wait_ms(const loop *l)
{
    if (l->deferred.first != NULL)
        return 0;
    const int64_t now_ns = clock_monotonic_ns(), pause_ns = l->next_group_ns - now_ns;
    const int due_ms = timer_wheel_wait_ms(&l->wheel, now_ns),
              pause_ms = (int)((pause_ns + NS_PER_MS - 1) / NS_PER_MS);
    return due_ms >= 0 && due_ms < pause_ms ? pause_ms : due_ms;
}

static void *run(void *argument)
{
    loop *l = argument;
    struct epoll_event events[EVENTS];
    (void)thread_slice_set(SLICE_NS);
    char *volatile reserve = mem_alloc(RESERVE_BYTES, 1);
    mem_free(reserve);
    while (!atomic_load(&l->stopping)) {
        const int count = epoll_wait(l->events, events, EVENTS, find_wait_ms(l));
        if (count < 0 && errno != EINTR)
            nanosleep(&(const struct timespec){.tv_nsec = PAUSE_NS}, NULL);
        for (int i = 0; i < count; i++) {
            loop_source *source = events[i].data.ptr;
            source->run(source, events[i].events);
        }
        run_posted(l);
        run_all(&l->deferred);
        run_due(l);
        run_all(&l->buried);
    }
    return NULL;
}

aki_status http_loop_open(http_loop **out, void *owner, aki_error *error)
{
    *out = NULL;
    loop *l = mem_zalloc(1, sizeof *l);
    if (l == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for an HTTP thread");
    l->shared.owner = owner;
    l->shared.scratch = mem_alloc(LOOP_SCRATCH_BYTES, 1);
    l->waking = (loop_source){on_wake};
    l->events = epoll_create1(EPOLL_CLOEXEC);
    l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    timer_wheel_init(&l->wheel, clock_monotonic_ns());
    aki_status status = AKI_OK;
    if (l->shared.scratch == NULL)
        status = error_set(error, AKI_OUT_OF_MEMORY, "no memory for an HTTP thread");
    else if (l->events < 0 || l->wake < 0 || !http_loop_watch(&l->shared, l->wake, EPOLLIN, &l->waking))
        status = error_set_errno(error, AKI_IO_ERROR, errno, "cannot open descriptors for an HTTP thread");
    if (status != AKI_OK) {
        http_loop_close(&l->shared);
        return status;
    }
    *out = &l->shared;
    return AKI_OK;
}

aki_status http_loop_start(http_loop *shared, aki_error *error)
{
    loop *l = inside(shared);
    l->started = thread_start(&l->thread, run, l, "aki-http");
    return l->started ? AKI_OK
                      : error_set_errno(error, AKI_OUT_OF_MEMORY, errno, "cannot start an HTTP thread");
}

void http_loop_stop(http_loop *shared)
{
    loop *l = inside(shared);
    atomic_store(&l->stopping, true);
    if (l->started && eventfd_write(l->wake, 1) == 0)
        pthread_join(l->thread, NULL);
    l->started = false;
    run_posted(l);
}

void http_loop_close(http_loop *shared)
{
    if (shared == NULL)
        return;
    loop *l = inside(shared);
    http_loop_stop(shared);
    run_all(&l->buried);
    if (l->events >= 0)
        close(l->events);
    if (l->wake >= 0)
        close(l->wake);
    mem_free(l->shared.scratch);
    mem_free(l);
}

void http_loop_post(http_loop *shared, loop_task *task)
{
    loop *l = inside(shared);
    loop_task *before = atomic_load(&l->posted);
    do
        task->next = before;
    while (!atomic_compare_exchange_weak(&l->posted, &before, task));
    if (before == NULL)
        (void)eventfd_write(l->wake, 1);
}

bool http_loop_watch(http_loop *shared, int descriptor, uint32_t events, loop_source *source)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    return epoll_ctl(inside(shared)->events, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

void http_loop_unwatch(http_loop *shared, int descriptor)
{
    (void)epoll_ctl(inside(shared)->events, EPOLL_CTL_DEL, descriptor, NULL);
}

void http_loop_defer(http_loop *shared, loop_task *task)
{
    append(&inside(shared)->deferred, task);
}

void http_loop_bury(http_loop *shared, loop_task *task)
{
    append(&inside(shared)->buried, task);
}

void http_loop_set_timer(http_loop *shared, loop_timer *timer, int64_t due_ns)
{
    timer_wheel_set(&inside(shared)->wheel, &timer->timer, due_ns);
}

const char *http_date_text(http_date *date, int64_t wall_ns)
{
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const time_t second = (time_t)(wall_ns / NS_PER_S);
    struct tm t;
    if (second == date->second || gmtime_r(&second, &t) == NULL)
        return date->text;
    date->second = second;
    snprintf(date->text, sizeof date->text, "%s, %02u %s %04u %02u:%02u:%02u GMT",
             days[(unsigned)t.tm_wday % 7], (unsigned)t.tm_mday % 100, months[(unsigned)t.tm_mon % 12],
             (unsigned)(t.tm_year + 1900) % 10000, (unsigned)t.tm_hour % 100, (unsigned)t.tm_min % 100,
             (unsigned)t.tm_sec % 100);
    return date->text;
}
