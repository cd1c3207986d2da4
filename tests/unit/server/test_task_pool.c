#include "unit.h"

#include "server/task_pool.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

typedef struct counted {
    task task; /* first */
    atomic_uint *runs;
    unsigned order; /* the value of *runs before this one */
    pthread_t thread;
    sem_t *hold; /* NULL, or waited for */
} counted;

static void run_counted(task *self)
{
    counted *c = (counted *)self;
    if (c->hold != NULL)
        sem_wait(c->hold);
    c->thread = pthread_self();
    c->order = atomic_fetch_add(c->runs, 1);
}

static task_pool *open_pool(unsigned threads)
{
    task_pool *pool = NULL;
    aki_error error;
    assert_int_equal(task_pool_open(&pool, threads, &error), AKI_OK);
    return pool;
}

static void runs_in_order_and_all_before_it_stops(void **state)
{
    (void)state;
    enum { COUNT = 100 };
    atomic_uint runs = 0;
    sem_t hold;
    sem_init(&hold, 0, 0);
    counted tasks[COUNT];
    task_pool *pool = open_pool(1);
    for (size_t i = 0; i < COUNT; i++) {
        tasks[i] = (counted){.task.run = run_counted, .runs = &runs, .hold = i == 0 ? &hold : NULL};
        task_pool_submit(pool, &tasks[i].task);
    }
    assert_int_equal(atomic_load(&runs), 0);
    sem_post(&hold);
    task_pool_stop(pool);
    assert_int_equal(atomic_load(&runs), COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(tasks[i].order, i);
        assert_false(pthread_equal(tasks[i].thread, pthread_self()));
    }
    task_pool_close(pool);
    sem_destroy(&hold);
}

static void one_that_waits_does_not_hold_up_the_other_thread(void **state)
{
    (void)state;
    atomic_uint runs = 0;
    sem_t hold;
    sem_init(&hold, 0, 0);
    task_pool *pool = open_pool(2);
    counted waiting = {.task.run = run_counted, .runs = &runs, .hold = &hold};
    counted other = {.task.run = run_counted, .runs = &runs};
    task_pool_submit(pool, &waiting.task);
    task_pool_submit(pool, &other.task);
    while (atomic_load(&runs) == 0)
        sched_yield();
    sem_post(&hold);
    task_pool_close(pool);
    assert_int_equal(other.order, 0);
    assert_int_equal(waiting.order, 1);
    sem_destroy(&hold);
}

static void runs_on_the_caller_once_it_has_stopped(void **state)
{
    (void)state;
    atomic_uint runs = 0;
    task_pool *pool = open_pool(2);
    task_pool_stop(pool);
    counted late = {.task.run = run_counted, .runs = &runs};
    task_pool_submit(pool, &late.task);
    assert_int_equal(atomic_load(&runs), 1);
    assert_true(pthread_equal(late.thread, pthread_self()));
    task_pool_close(pool);
    task_pool_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_in_order_and_all_before_it_stops),
        cmocka_unit_test(one_that_waits_does_not_hold_up_the_other_thread),
        cmocka_unit_test(runs_on_the_caller_once_it_has_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
