#include "base/fork_lock.h"

#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#define BEING_MADE ((pid_t)-1)

bool fork_lock_take(fork_lock *lock)
{
    const pid_t own = getpid();
    for (pid_t process; (process = atomic_load(&lock->process)) != own;) {
        if (process == BEING_MADE) {
            sched_yield();
        } else if (process == 0) {
            atomic_compare_exchange_strong(&lock->process, &process, own);
        } else if (atomic_compare_exchange_strong(&lock->process, &process, BEING_MADE)) {
            pthread_mutex_init(&lock->mutex, NULL);
            pthread_mutex_lock(&lock->mutex); /* before other threads of the child can see what is guarded */
            atomic_store(&lock->process, own);
            return true;
        }
    }
    pthread_mutex_lock(&lock->mutex);
    return false;
}

void fork_lock_give(fork_lock *lock)
{
    pthread_mutex_unlock(&lock->mutex);
}
