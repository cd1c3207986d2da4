/* A mutex in static storage that also works in a forked child.
 *
 * A child has one thread only. If another thread of the parent held an ordinary mutex at the fork, nobody in the child would ever
 * unlock it. So each process initialises the mutex at its first use of it. What the mutex guards may then be half changed:
 * fork_lock_take says so once, and the caller drops what it cannot trust.
 *
 *     static fork_lock lock = FORK_LOCK_INITIALIZER;
 *     if (fork_lock_take(&lock))
 *         list = NULL;
 *     ...
 *     fork_lock_give(&lock); */
#ifndef BASE_FORK_LOCK_H
#define BASE_FORK_LOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

typedef struct fork_lock {
    pthread_mutex_t mutex;
    _Atomic pid_t process; /* whose threads may hold the mutex; 0 = no process has taken it */
} fork_lock;

#define FORK_LOCK_INITIALIZER                                                                                \
    {                                                                                                        \
        .mutex = PTHREAD_MUTEX_INITIALIZER                                                                   \
    }

/* True at the first call in a forked child whose parent had taken the lock before. */
bool fork_lock_take(fork_lock *lock);
void fork_lock_give(fork_lock *lock);

#endif
