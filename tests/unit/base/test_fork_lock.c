#include "unit.h"

#include "base/fork_lock.h"

#include <semaphore.h>
#include <sys/wait.h>

static fork_lock lock = FORK_LOCK_INITIALIZER;
static sem_t is_held, may_end;

static void *hold(void *unused)
{
    assert_false(fork_lock_take(&lock));
    sem_post(&is_held);
    sem_wait(&may_end);
    fork_lock_give(&lock);
    return unused;
}

/* The thread that holds the lock does not exist in the child. */
static void a_child_takes_a_lock_that_another_thread_held(void **state)
{
    (void)state;
    pthread_t holder;
    sem_init(&is_held, 0, 0);
    sem_init(&may_end, 0, 0);
    assert_int_equal(pthread_create(&holder, NULL, hold, NULL), 0);
    sem_wait(&is_held);
    const pid_t child = fork();
    if (child == 0) {
        const bool told = fork_lock_take(&lock);
        fork_lock_give(&lock);
        const bool told_again = fork_lock_take(&lock);
        fork_lock_give(&lock);
        _exit(told && !told_again ? 0 : 1);
    }
    sem_post(&may_end);
    pthread_join(holder, NULL);
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_false(fork_lock_take(&lock));
    fork_lock_give(&lock);
    sem_destroy(&is_held);
    sem_destroy(&may_end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_takes_a_lock_that_another_thread_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
