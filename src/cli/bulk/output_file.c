#include "cli/bulk/output_file.h"

#include "base/error.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define READER_POLL_MS 50
#define READER_LEAVE_MS 1000

struct output_file {
    char *path; /* final name; "stdout" for stdout */
    char *partial_path, *state_path;
    int descriptor, stop_descriptor;
    bool stream;
    bool waits;  /* a stream whose reader may be slow: a pipe, a terminal */
    bool locked; /* the partial file is ours */
    uint64_t found_bytes, bytes;
};

static aki_status set_write_error(const output_file *file, int reason, aki_error *error)
{
    if (reason == EPIPE)
        return error_set(error, AKI_CANCELLED, "the reader of '%s' has closed it", file->path);
    error_set_errno(error, AKI_IO_ERROR, reason, "cannot write '%s'",
                    file->stream ? file->path : file->partial_path);
    if (reason == ENOSPC || reason == EDQUOT || reason == EFBIG)
        error_hint(error, file->stream
                              ? "Make room where the output goes, or raise the limit on file sizes."
                              : "Make room on the disk (or raise the limit on file sizes), then run the same "
                                "command again: it goes on where this run stopped.");
    return AKI_IO_ERROR;
}

static char *with_ending(const char *path, const char *ending)
{
    size_t length = strlen(path) + strlen(ending) + 1;
    char *name = mem_alloc(length, 1);
    if (name != NULL)
        snprintf(name, length, "%s%s", path, ending);
    return name;
}

static bool is_at(const char *path, int descriptor)
{
    struct stat ours, theirs;
    return fstat(descriptor, &ours) == 0 && stat(path, &theirs) == 0 && ours.st_dev == theirs.st_dev &&
           ours.st_ino == theirs.st_ino;
}

/* Opens and locks the partial file. *again: another run has renamed or removed that file in between, so the lock is
 * on the wrong one. */
static aki_status try_partial(output_file *file, bool *again, aki_error *error)
{
    *again = false;
    file->descriptor = open(file->partial_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);
    if (file->descriptor < 0) {
        error_set_errno(error, AKI_IO_ERROR, errno, "cannot create '%s'", file->partial_path);
        error_hint(error, "Check that the folder of --output exists and may be written to.");
        return AKI_IO_ERROR;
    }
    struct stat info;
    if (fstat(file->descriptor, &info) != 0 || !S_ISREG(info.st_mode))
        return error_set(error, AKI_IO_ERROR, "'%s' is not a regular file", file->partial_path);
    if (flock(file->descriptor, LOCK_EX | LOCK_NB) != 0) {
        error_set(error, AKI_IO_ERROR, "another akidb-embed is writing '%s'", file->partial_path);
        error_hint(error, "Wait for it to end, or name another --output.");
        return AKI_IO_ERROR;
    }
    *again = !is_at(file->partial_path, file->descriptor);
    if (*again) {
        close(file->descriptor);
        file->descriptor = -1;
        return AKI_OK;
    }
    if (fstat(file->descriptor, &info) != 0) /* only now: the lock is held */
        return error_set_errno(error, AKI_IO_ERROR, errno, "cannot examine '%s'", file->partial_path);
    file->locked = true;
    file->found_bytes = (uint64_t)info.st_size;
    return AKI_OK;
}

static aki_status open_partial(output_file *file, aki_error *error)
{
    file->partial_path = with_ending(file->path, ".partial");
    file->state_path = with_ending(file->path, ".partial.state");
    if (file->partial_path == NULL || file->state_path == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to write '%s'", file->path);
    bool again;
    aki_status status;
    do { /* repeats only when another run has ended in between */
        status = try_partial(file, &again, error);
    } while (status == AKI_OK && again);
    return status;
}

/* Opens a stream. Opening a FIFO for writing would block until it has a reader, and no event announces that: so it is
 * tried without blocking, again and again. */
static aki_status open_stream(output_file *file, const char *path, aki_error *error)
{
    struct stat info;
    for (;;) {
        file->descriptor = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        bool no_reader =
            file->descriptor < 0 && errno == ENXIO && stat(path, &info) == 0 && S_ISFIFO(info.st_mode);
        if (!no_reader)
            break;
        struct pollfd stop = {.fd = file->stop_descriptor, .events = POLLIN};
        if (poll(&stop, 1, READER_POLL_MS) > 0)
            return error_set(error, AKI_CANCELLED, "stopped by a signal");
    }
    if (file->descriptor < 0 || fcntl(file->descriptor, F_SETFL, 0) != 0)
        return error_set_errno(error, AKI_IO_ERROR, errno, "cannot open '%s'", path);
    return AKI_OK;
}

static aki_status open_named(output_file *file, const char *path, aki_error *error)
{
    struct stat info;
    bool exists = stat(path, &info) == 0;
    if (exists && S_ISDIR(info.st_mode)) {
        error_set(error, AKI_IO_ERROR, "'%s' is a folder", path);
        error_hint(error, "Name a file for the vectors, such as %.100s/vectors.npy.", path);
        return AKI_IO_ERROR;
    }
    char *real = exists ? realpath(path, NULL) : NULL; /* a link stays one */
    file->path = mem_copy_string(real != NULL ? real : path);
    free(real);
    if (file->path == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to write '%s'", path);
    if (!exists || S_ISREG(info.st_mode))
        return open_partial(file, error);
    file->stream = true;
    return open_stream(file, path, error);
}

aki_status output_open(output_file **out, const char *path, int stop_descriptor, aki_error *error)
{
    *out = NULL;
    output_file *file = mem_zalloc(1, sizeof *file);
    if (file == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to write '%s'", path);
    file->descriptor = -1;
    file->stop_descriptor = stop_descriptor;
    aki_status status = AKI_OK;
    if (strcmp(path, "-") == 0) {
        file->stream = true;
        file->descriptor = STDOUT_FILENO;
        file->path = mem_copy_string("stdout");
        if (file->path == NULL)
            status = error_set(error, AKI_OUT_OF_MEMORY, "no memory to write '%s'", path);
    } else {
        status = open_named(file, path, error);
    }
    if (status != AKI_OK) {
        output_close(file);
        return status;
    }
    struct stat info;
    file->waits = file->stream && (fstat(file->descriptor, &info) != 0 || !S_ISREG(info.st_mode));
    *out = file;
    return AKI_OK;
}

void output_close(output_file *file)
{
    if (file == NULL)
        return;
    if (file->descriptor > STDOUT_FILENO) {
        /* Nothing was written and nothing can be continued: leave no litter. */
        if (file->locked && file->bytes == 0 && file->found_bytes == 0 && access(file->state_path, F_OK) != 0)
            unlink(file->partial_path);
        close(file->descriptor);
    }
    mem_free(file->path);
    mem_free(file->partial_path);
    mem_free(file->state_path);
    mem_free(file);
}

bool output_is_stream(const output_file *file)
{
    return file->stream;
}

const char *output_name(const output_file *file)
{
    return file->path;
}

const char *output_state_path(const output_file *file)
{
    return file->state_path;
}

uint64_t output_found_bytes(const output_file *file)
{
    return file->found_bytes;
}

uint64_t output_bytes(const output_file *file)
{
    return file->bytes;
}

aki_status output_continue(output_file *file, uint64_t bytes, aki_error *error)
{
    if (file->stream)
        return AKI_OK;
    if (ftruncate(file->descriptor, (off_t)bytes) != 0 || lseek(file->descriptor, (off_t)bytes, SEEK_SET) < 0)
        return set_write_error(file, errno, error);
    file->bytes = bytes;
    return AKI_OK;
}

/* Waits until the stream takes data. False when the stop descriptor is readable and the reader takes nothing for
 * READER_LEAVE_MS. */
static bool wait_for_reader(const output_file *file)
{
    struct pollfd waiting[2] = {{.fd = file->descriptor, .events = POLLOUT},
                                {.fd = file->stop_descriptor, .events = POLLIN}};
    while (poll(waiting, 2, -1) < 0 && errno == EINTR)
        ;
    if (waiting[0].revents != 0 || waiting[1].revents == 0)
        return true;
    return poll(waiting, 1, READER_LEAVE_MS) != 0;
}

aki_status output_write(output_file *file, const void *data, size_t length, aki_error *error)
{
    const char *next = data;
    while (length > 0) {
        if (file->waits && !wait_for_reader(file))
            return error_set(error, AKI_CANCELLED, "stopped by a signal");
        /* A pipe with room for anything has room for PIPE_BUF: such a write does not block. */
        ssize_t done = write(file->descriptor, next, file->waits && length > PIPE_BUF ? PIPE_BUF : length);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0 && errno == EAGAIN && file->waits)
            continue;
        if (done < 0)
            return set_write_error(file, errno, error);
        next += done;
        length -= (size_t)done;
        file->bytes += (uint64_t)done;
    }
    return AKI_OK;
}

aki_status output_patch(output_file *file, const void *data, size_t length, aki_error *error)
{
    ssize_t done = pwrite(file->descriptor, data, length, 0);
    if (done < 0 || (size_t)done != length)
        return set_write_error(file, done < 0 ? errno : ENOSPC, error);
    return AKI_OK;
}

aki_status output_sync(output_file *file, aki_error *error)
{
    if (!file->stream && fdatasync(file->descriptor) != 0)
        return set_write_error(file, errno, error);
    return AKI_OK;
}

aki_status output_finish(output_file *file, aki_error *error)
{
    if (file->stream)
        return AKI_OK;
    aki_status status = output_sync(file, error);
    if (status != AKI_OK)
        return status;
    /* In this order: a state without its partial file is known to be left over. */
    if (rename(file->partial_path, file->path) != 0)
        return error_set_errno(error, AKI_IO_ERROR, errno, "cannot rename '%s' to '%s'", file->partial_path,
                               file->path);
    file->locked = false; /* from now on the partial path may belong to another run */
    unlink(file->state_path);
    return AKI_OK;
}

aki_status output_remove(output_file *file, aki_error *error)
{
    if (file->stream)
        return AKI_OK;
    if (unlink(file->path) != 0 && errno != ENOENT)
        return error_set_errno(error, AKI_IO_ERROR, errno, "cannot remove '%s'", file->path);
    unlink(file->partial_path);
    file->locked = false;
    return AKI_OK;
}
