/* Events, tasks and timers of one thread, and tasks of others. */
#include "unit.h"

#include "base/clock.h"
#include "base/thread.h"
#include "http/connection/loop.h"

#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#define POSTERS 4
#define TASKS 500

static http_loop *open_loop(void)
{
    http_loop *loop = NULL;
    aki_error error;
    assert_int_equal(http_loop_open(&loop, NULL, &error), AKI_OK);
    return loop;
}

static void start(http_loop *loop)
{
    aki_error error;
    assert_int_equal(http_loop_start(loop, &error), AKI_OK);
}

typedef struct numbered {
    loop_task task;
    unsigned poster, number;
} numbered;

static numbered tasks[POSTERS][TASKS];
static unsigned done[POSTERS];

static void count(loop_task *task)
{
    const numbered *n = (const numbered *)task;
    assert_int_equal(done[n->poster], n->number); /* in the order of each thread */
    done[n->poster]++;
}

typedef struct poster {
    http_loop *loop;
    unsigned number;
} poster;

static void *post_all(void *argument)
{
    const poster *p = argument;
    for (unsigned i = 0; i < TASKS; i++) {
        tasks[p->number][i] = (numbered){{NULL, count}, p->number, i};
        http_loop_post(p->loop, &tasks[p->number][i].task);
    }
    return NULL;
}

static void tasks_of_all_threads_run_once_and_in_order(void **state)
{
    (void)state;
    http_loop *loop = open_loop();
    pthread_t threads[POSTERS];
    poster posters[POSTERS];
    start(loop);
    for (unsigned i = 0; i < POSTERS; i++) {
        posters[i] = (poster){loop, i};
        assert_true(thread_start(&threads[i], post_all, &posters[i], "posts"));
    }
    for (unsigned i = 0; i < POSTERS; i++)
        pthread_join(threads[i], NULL);
    http_loop_stop(loop); /* runs what is left */
    for (unsigned i = 0; i < POSTERS; i++)
        assert_int_equal(done[i], TASKS);
    http_loop_close(loop);
}

/* One letter for each thing that ran in a turn, in order. */
static char order[16];
static http_loop *looping;
static sem_t finished;
static loop_task buried, deferred;
static loop_timer timer;

static void note(char what)
{
    order[strlen(order)] = what;
}

static void on_buried(loop_task *task)
{
    (void)task;
    note('b');
}

static void on_deferred(loop_task *task)
{
    (void)task;
    note('d');
}

static void on_timer(loop_timer *due)
{
    (void)due;
    note('t');
    sem_post(&finished);
}

static int event;

static void on_event(loop_source *self, uint32_t events)
{
    eventfd_t value;
    (void)self;
    assert_true((events & EPOLLIN) != 0);
    assert_int_equal(eventfd_read(event, &value), 0);
    note('e');
    buried.run = on_buried;
    deferred.run = on_deferred;
    timer.run = on_timer;
    http_loop_bury(looping, &buried);
    http_loop_defer(looping, &deferred);
    http_loop_set_timer(looping, &timer, clock_monotonic_ns());
}

static void a_turn_ends_with_what_was_buried(void **state)
{
    (void)state;
    static loop_source source = {on_event};
    looping = open_loop();
    event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    sem_init(&finished, 0, 0);
    assert_true(http_loop_watch(looping, event, EPOLLIN, &source));
    start(looping);
    assert_int_equal(eventfd_write(event, 1), 0);
    sem_wait(&finished);
    http_loop_stop(looping);
    assert_string_equal(order, "edbt");
    http_loop_unwatch(looping, event);
    http_loop_close(looping);
    http_loop_close(NULL);
    close(event);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_of_all_threads_run_once_and_in_order),
        cmocka_unit_test(a_turn_ends_with_what_was_buried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
