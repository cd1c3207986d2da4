#include "hub/download.h"

#include "base/error.h"
#include "hub/digest.h"
#include "hub/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define PROGRESS_BYTES (UINT64_C(256) << 10) /* an attempt that brought this much was not in vain */

typedef enum blob_problem {
    BLOB_FINE,
    BLOB_WRONG_RANGE, /* the answer does not continue where the partial file ends */
    BLOB_WRONG_SIZE,
    BLOB_NOT_WRITTEN, /* see write_errno */
} blob_problem;

typedef struct blob_writer {
    download_session *session;
    const char *file;
    const remote_file *remote;
    char path[CACHE_PATH_MAX]; /* of the partial file */
    int descriptor;
    uint64_t length; /* bytes in it */
    blob_problem problem;
    int write_errno;
    uint64_t offered; /* with BLOB_WRONG_SIZE: the size of what was offered, at least */
} blob_writer;

static uint64_t size_limit(const blob_writer *w)
{
    return w->remote->size_known ? w->remote->size : download_size_limit(w->file);
}

static bool restart(blob_writer *w)
{
    w->length = 0;
    if (ftruncate(w->descriptor, 0) == 0)
        return true;
    w->problem = BLOB_NOT_WRITTEN;
    w->write_errno = errno;
    return false;
}

static bool wrong_size(blob_writer *w, uint64_t offered)
{
    w->problem = BLOB_WRONG_SIZE;
    w->offered = offered;
    return false;
}

static bool sink_begin(void *cookie, const response_head *head)
{
    blob_writer *w = cookie;
    if (head->status == 206) {
        bool continues =
            head->range_start == (int64_t)w->length && (head->range_length < 0 || !w->remote->size_known ||
                                                        (uint64_t)head->range_length == w->remote->size);
        if (!continues)
            w->problem = BLOB_WRONG_RANGE;
        return continues;
    }
    if (head->content_length >= 0 &&
        (w->remote->size_known ? (uint64_t)head->content_length != w->remote->size
                               : (uint64_t)head->content_length > size_limit(w)))
        return wrong_size(w, (uint64_t)head->content_length);
    return w->length == 0 || restart(w);
}

static bool sink_write(void *cookie, const void *bytes, size_t count)
{
    blob_writer *w = cookie;
    if (count > size_limit(w) - w->length)
        return wrong_size(w, w->length + count);
    const char *next = bytes;
    while (count > 0) {
        ssize_t done = pwrite(w->descriptor, next, count, (off_t)w->length);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0) {
            w->problem = BLOB_NOT_WRITTEN;
            w->write_errno = done < 0 ? errno : ENOSPC;
            return false;
        }
        next += done;
        count -= (size_t)done;
        w->length += (uint64_t)done;
    }
    download_session *session = w->session;
    session->now.done = w->length;
    if (session->settings->progress != NULL)
        session->settings->progress(session->settings->cookie, &session->now);
    return true;
}

static aki_status not_written(const blob_writer *w, int reason, aki_error *error)
{
    error_set_errno(error, AKI_IO_ERROR, reason, "cannot write '%s' after %" PRIu64 " bytes of %s", w->path,
                    w->length, w->file);
    if (reason == ENOSPC || reason == EDQUOT || reason == EFBIG) {
        unlink(w->path); /* what cannot be completed must not keep the disk full */
        error_hint(error,
                   "Free space on the disk of the cache, or set HF_HUB_CACHE to a folder on a larger one.");
    }
    return AKI_IO_ERROR;
}

static aki_status check_disk(const blob_writer *w, aki_error *error)
{
    struct statvfs disk;
    if (!w->remote->size_known || fstatvfs(w->descriptor, &disk) != 0)
        return AKI_OK;
    uint64_t blocks = geteuid() == 0 ? disk.f_bfree : disk.f_bavail;
    uint64_t wanted = w->remote->size - w->length;
    if (disk.f_frsize == 0 || disk.f_blocks == 0 || wanted / disk.f_frsize < blocks || wanted == 0)
        return AKI_OK;
    if (w->length == 0)
        unlink(w->path);
    error_set(error, AKI_IO_ERROR,
              "%s needs %" PRIu64 " bytes more, but the disk of '%s' has %" PRIu64 " left", w->file, wanted,
              w->path, blocks * disk.f_frsize);
    error_hint(error,
               "Free space on the disk of the cache, or set HF_HUB_CACHE to a folder on a larger one.");
    return AKI_IO_ERROR;
}

static bool is_content(const transfer_result *result)
{
    return result->outcome == TRANSFER_ANSWERED && (result->head.status == 200 || result->head.status == 206);
}

/* Requests until the partial file is complete. AKI_OK with w->problem == BLOB_WRONG_SIZE: it never will be. */
static aki_status fill(blob_writer *w, aki_error *error)
{
    char url[URL_MAX];
    download_session *session = w->session;
    if (!url_of_file(session->settings->endpoint, session->id, w->remote->commit, w->file, url))
        return error_set(error, AKI_INVALID_ARGUMENT, "the hub's address (HF_ENDPOINT) is too long");
    const transfer_sink sink = {.begin = sink_begin, .write = sink_write, .cookie = w};
    unsigned failures = 0;
    while (!w->remote->size_known || w->length < w->remote->size) {
        uint64_t before = w->length;
        transfer_result result;
        w->problem = BLOB_FINE;
        transfer_get(session->transfer, url, before, &sink, &result);
        if (w->problem == BLOB_NOT_WRITTEN)
            return not_written(w, w->write_errno, error);
        if (w->problem == BLOB_WRONG_SIZE)
            return AKI_OK;
        if (is_content(&result) && (!w->remote->size_known || w->length == w->remote->size))
            return AKI_OK;
        bool bad_range = w->problem == BLOB_WRONG_RANGE ||
                         (before > 0 && result.outcome == TRANSFER_ANSWERED && result.head.status == 416);
        if (bad_range || is_content(&result)) { /* to try again as if the connection had ended */
            result.outcome = TRANSFER_CUT;
            result.retry_after_s = 0;
            snprintf(result.cause, sizeof result.cause, "%s",
                     bad_range ? "the hub does not continue where the last attempt ended"
                               : "the answer ended early");
        }
        if (bad_range && !restart(w))
            return not_written(w, w->write_errno, error);
        failures = w->length >= before + PROGRESS_BYTES ? 1 : failures + 1;
        aki_status status = download_retry(session, w->file, &result, failures, error);
        if (status != AKI_OK)
            return status;
    }
    return AKI_OK;
}

/* Compares the partial file with what the hub announced; where they differ, `problem` says in one line how. */
static aki_status verify(const blob_writer *w, char *problem, size_t room, aki_error *error)
{
    problem[0] = '\0';
    const remote_file *remote = w->remote;
    if (w->problem == BLOB_WRONG_SIZE) {
        snprintf(problem, room, "expected %" PRIu64 " bytes, got %s%" PRIu64, size_limit(w),
                 remote->size_known ? "" : "more: ", w->offered);
        return AKI_OK;
    }
    const hub_settings *settings = w->session->settings;
    digest_kind kind = digest_kind_of(remote->etag);
    char hex[DIGEST_HEX_MAX + 1];
    aki_status status = digest_file(w->descriptor, kind, settings->cancelled, settings->cookie, hex, error);
    if (status == AKI_OK && kind != DIGEST_NONE && strcmp(hex, remote->etag) != 0)
        snprintf(problem, room, "expected %s %s, got %s", digest_name(kind), remote->etag, hex);
    return status;
}

/* Fetches and verifies; bytes that are wrong are fetched once more from the first on. */
static aki_status fetch(blob_writer *w, aki_error *error)
{
    char problem[256] = "";
    for (int round = 0; round < 2; round++) {
        aki_status status = fill(w, error);
        if (status == AKI_OK)
            status = verify(w, problem, sizeof problem, error);
        if (status != AKI_OK || problem[0] == '\0')
            return status;
        log_write(&w->session->settings->log, AKI_LOG_WARN, "hub", "%s is not what the hub announced: %s",
                  w->file, problem);
        if (!restart(w))
            return not_written(w, w->write_errno, error);
    }
    unlink(w->path);
    char host[URL_HOST_MAX];
    url_host(w->session->settings->endpoint, host);
    error_set(error, AKI_MODEL_DOWNLOAD_FAILED, "cannot download '%s' (%s) from %s: %s", w->session->id,
              w->file, host, problem);
    error_hint(error,
               "A proxy or mirror changes the file on its way: check HTTPS_PROXY and HF_ENDPOINT, or pass "
               "--model <folder>.");
    return AKI_MODEL_DOWNLOAD_FAILED;
}

static aki_status open_partial(blob_writer *w, aki_error *error)
{
    w->descriptor = open(w->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    struct stat info;
    if (w->descriptor < 0 || fstat(w->descriptor, &info) != 0) {
        error_set_errno(error, AKI_IO_ERROR, errno, "cannot open '%s'", w->path);
        error_hint(error, "Set HF_HUB_CACHE to a folder that this user may write to.");
        return AKI_IO_ERROR;
    }
    w->length = (uint64_t)info.st_size;
    if (w->length > size_limit(w) && !restart(w))
        return not_written(w, w->write_errno, error);
    return AKI_OK;
}

/* Gives the verified file its name, so that it is on the disk before anyone can see it there. */
static aki_status publish(const blob_writer *w, const char *blob, aki_error *error)
{
    if (fsync(w->descriptor) != 0)
        return not_written(w, errno, error);
    if (rename(w->path, blob) != 0)
        return error_set_errno(error, AKI_IO_ERROR, errno, "cannot create '%s'", blob);
    char folder[CACHE_PATH_MAX];
    snprintf(folder, sizeof folder, "%s", blob);
    *strrchr(folder, '/') = '\0';
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor >= 0) {
        (void)fsync(descriptor); /* not every file system can; the name is then as durable as it makes it */
        close(descriptor);
    }
    return AKI_OK;
}

aki_status download_is_valid(const download_session *session, const char *path, const remote_file *remote,
                             bool *valid, aki_error *error)
{
    *valid = false;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (descriptor < 0)
        return AKI_OK;
    struct stat info;
    aki_status status = AKI_OK;
    if (fstat(descriptor, &info) == 0 && S_ISREG(info.st_mode) &&
        (!remote->size_known || (uint64_t)info.st_size == remote->size)) {
        digest_kind kind = digest_kind_of(remote->etag);
        char hex[DIGEST_HEX_MAX + 1];
        status = digest_file(descriptor, kind, session->settings->cancelled, session->settings->cookie, hex,
                             error);
        *valid = status == AKI_OK && (kind == DIGEST_NONE || strcmp(hex, remote->etag) == 0);
    }
    close(descriptor);
    return status;
}

aki_status download_blob(download_session *session, const char *file, const remote_file *remote,
                         aki_error *error)
{
    cache_path blob = cache_blob_path(session->layout, remote->etag);
    cache_path lock_path = cache_lock_path(session->layout, remote->etag);
    file_lock lock;
    bool valid = false;
    blob_writer w = {.session = session, .file = file, .remote = remote, .descriptor = -1};
    session->now.file = file;
    session->now.done = 0;
    session->now.total = remote->size;

    aki_status status = lock_acquire(&lock, lock_path.text, session->settings, error);
    if (status != AKI_OK)
        return status;
    status = download_is_valid(session, blob.text, remote, &valid, error);
    if (status != AKI_OK || valid) /* another process was faster */
        goto done;
    status = cache_make_parents(blob.text, error);
    if (status != AKI_OK)
        goto done;
    /* Without a lock, two processes must not write into one file. */
    if (lock.descriptor >= 0)
        snprintf(w.path, sizeof w.path, "%.*s.incomplete", CACHE_PATH_MAX - 64, blob.text);
    else
        snprintf(w.path, sizeof w.path, "%.*s.%ld.incomplete", CACHE_PATH_MAX - 64, blob.text,
                 (long)getpid());
    status = open_partial(&w, error);
    if (status == AKI_OK)
        status = check_disk(&w, error);
    if (status == AKI_OK)
        status = fetch(&w, error);
    if (status == AKI_OK)
        status = publish(&w, blob.text, error);
done:
    if (w.descriptor >= 0)
        close(w.descriptor);
    lock_release(&lock);
    return status;
}
