#include "base/file.h"

#include "base/error.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_STEP ((size_t)64 << 10)

static aki_status read_descriptor(int descriptor, const char *path, buf *out, aki_error *error)
{
    for (;;) {
        size_t room = out->max_bytes - out->length;
        size_t step = room < READ_STEP ? room : READ_STEP;
        char *into = buf_reserve(out, step);
        if (into == NULL)
            return error_set(error, AKI_OUT_OF_MEMORY, "no memory to read '%s'", path);
        char probe; /* at the limit: one more byte tells a full file from one that is too large */
        ssize_t got = step > 0 ? read(descriptor, into, step) : read(descriptor, &probe, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set_errno(error, AKI_IO_ERROR, errno, "cannot read '%s'", path);
        if (got == 0)
            return AKI_OK;
        if (step == 0)
            return error_set(error, AKI_IO_ERROR, "'%s' is larger than the %zu bytes allowed for it", path,
                             out->max_bytes);
        buf_commit(out, (size_t)got);
    }
}

aki_status file_read(const char *path, buf *out, aki_error *error)
{
    /* O_NONBLOCK: a FIFO without a writer must be refused below, not waited for. */
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (descriptor < 0)
        return error_set_errno(error,
                               errno == ENOENT || errno == ENOTDIR ? AKI_MODEL_NOT_FOUND : AKI_IO_ERROR,
                               errno, "cannot open '%s'", path);
    aki_status status;
    struct stat info;
    if (fstat(descriptor, &info) != 0)
        status = error_set_errno(error, AKI_IO_ERROR, errno, "cannot examine '%s'", path);
    else if (!S_ISREG(info.st_mode))
        status = error_set(error, AKI_IO_ERROR, "'%s' is not a regular file", path);
    else
        status = read_descriptor(descriptor, path, out, error);
    close(descriptor);
    return status;
}

static bool write_all(int descriptor, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t done = write(descriptor, data, length);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return false;
        data += done;
        length -= (size_t)done;
    }
    return true;
}

static bool write_parts(int descriptor, const struct iovec *parts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!write_all(descriptor, parts[i].iov_base, parts[i].iov_len))
            return false;
    return true;
}

aki_status file_write_atomic(const char *path, const void *data, size_t length, aki_error *error)
{
    return file_write_parts_atomic(path, &(struct iovec){(void *)data, length}, 1, error);
}

aki_status file_write_parts_atomic(const char *path, const struct iovec *parts, size_t count,
                                   aki_error *error)
{
    char *temporary = NULL;
    if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to write '%s'", path);
    aki_status status = AKI_OK;
    int descriptor = mkostemp(temporary, O_CLOEXEC);
    if (descriptor < 0) {
        status = error_set_errno(error, AKI_IO_ERROR, errno, "cannot create a file beside '%s'", path);
        free(temporary);
        return status;
    }
    bool written =
        write_parts(descriptor, parts, count) && fchmod(descriptor, 0644) == 0 && fsync(descriptor) == 0;
    int reason = errno;
    if (close(descriptor) != 0 && written) {
        written = false;
        reason = errno;
    }
    if (written && rename(temporary, path) != 0) {
        written = false;
        reason = errno;
    }
    if (!written) {
        unlink(temporary);
        status = error_set_errno(error, AKI_IO_ERROR, reason, "cannot write '%s'", path);
    }
    free(temporary);
    return status;
}

bool file_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

bool file_listed(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

char *path_join(const char *folder, const char *name)
{
    size_t length = strlen(folder) + strlen(name) + 2;
    char *path = mem_alloc(length, 1);
    if (path != NULL)
        snprintf(path, length, "%s/%s", folder, name);
    return path;
}
