#include "hub/lock.h"

#include "base/clock.h"
#include "base/error.h"
#include "hub/cache_layout.h"
#include "hub/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define POLL_MS 50
#define REPORT_NS (10 * NS_PER_S)

static aki_status open_lock_file(const char *path, int *descriptor, aki_error *error)
{
    *descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0664);
    if (*descriptor < 0) {
        error_set_errno(error, AKI_IO_ERROR, errno, "cannot open the lock file '%s'", path);
        error_hint(error, "Set HF_HUB_CACHE to a folder that this user may write to.");
        return AKI_IO_ERROR;
    }
    /* As huggingface_hub makes them, so that a group can share a cache; somebody else's file keeps its mode. */
    (void)!fchmod(*descriptor, 0664);
    return AKI_OK;
}

/* The file may have been removed between open and flock: such a lock guards nothing. */
static bool still_linked(int descriptor)
{
    struct stat info;
    return fstat(descriptor, &info) == 0 && info.st_nlink > 0;
}

aki_status lock_acquire(file_lock *lock, const char *path, const hub_settings *settings, aki_error *error)
{
    lock->descriptor = -1;
    aki_status status = cache_make_parents(path, error);
    if (status != AKI_OK)
        return status;
    int64_t report_ns = clock_monotonic_ns();
    for (;;) {
        int descriptor;
        status = open_lock_file(path, &descriptor, error);
        if (status != AKI_OK)
            return status;
        int result = flock(descriptor, LOCK_EX | LOCK_NB);
        int reason = errno;
        if (result == 0 && still_linked(descriptor)) {
            lock->descriptor = descriptor;
            return AKI_OK;
        }
        close(descriptor);
        if (result != 0 && reason != EWOULDBLOCK && reason != EACCES && reason != EINTR) {
            log_write(&settings->log, AKI_LOG_WARN, "hub", "the file system of '%s' has no locks", path);
            return AKI_OK;
        }
        if (clock_monotonic_ns() >= report_ns) {
            log_write(&settings->log, AKI_LOG_WARN, "hub",
                      "waiting for another process that downloads the same file");
            report_ns = clock_monotonic_ns() + REPORT_NS;
        }
        if (!retry_wait(settings, POLL_MS))
            return error_set(error, AKI_CANCELLED, "waiting for another download was cancelled");
    }
}

void lock_release(file_lock *lock)
{
    if (lock->descriptor >= 0)
        close(lock->descriptor);
    lock->descriptor = -1;
}
