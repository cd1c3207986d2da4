/* One process at a time writes a blob. The lock is flock(2) on a file that stays behind, which is what the filelock
 * package under huggingface_hub uses: both kinds of process wait for each other. The kernel gives it back when a
 * process dies. */
#ifndef HUB_LOCK_H
#define HUB_LOCK_H

#include "hub/hub.h"

typedef struct file_lock {
    int descriptor; /* -1: not held */
} file_lock;

/* Waits as long as another process holds the lock, asking settings->cancelled meanwhile. Where the file system has no
 * locks, it succeeds with descriptor -1 and says so in the log. Errors: AKI_IO_ERROR, AKI_CANCELLED. */
AKI_MUST_CHECK aki_status lock_acquire(file_lock *lock, const char *path, const hub_settings *settings,
                                       aki_error *error);
void lock_release(file_lock *lock);

#endif
