#include "hub/cache_layout.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Length that the longest path adds to the root: "/models--<id>/.no_exist/<commit>/<file>" and room for a suffix. */
#define ROOT_LENGTH_MAX (CACHE_PATH_MAX - 1024)

static const char cache_tag[] = "Signature: 8a477f597d28d172789f06886806bc55\n"
                                "# This file is a cache directory tag created by akidb-embed.\n"
                                "# For information about cache directory tags, see:\n"
                                "#\thttps://bford.info/cachedir/\n";

static cache_path format_path(const char *format, ...) __attribute__((format(printf, 1, 2)));

static cache_path format_path(const char *format, ...)
{
    cache_path path;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(path.text, sizeof path.text, format, arguments);
    va_end(arguments);
    return path;
}

aki_status cache_layout_init(cache_layout *layout, const char *root, const char *id, aki_error *error)
{
    size_t length = strlen(root);
    while (length > 1 && root[length - 1] == '/')
        length--;
    if (length == 0 || length > ROOT_LENGTH_MAX)
        return error_set(error, AKI_IO_ERROR, "the cache folder's name has %zu bytes; 1 to %d are possible",
                         length, ROOT_LENGTH_MAX);
    if (root[0] == '~') {
        error_set(error, AKI_INVALID_ARGUMENT, "the home folder is not known, so neither is the cache '%s'",
                  root);
        error_hint(error, "Set HF_HUB_CACHE or HOME.");
        return AKI_INVALID_ARGUMENT;
    }
    memcpy(layout->root, root, length);
    layout->root[length] = '\0';

    const char *slash = strchr(id, '/');
    if (slash == NULL)
        snprintf(layout->repo, sizeof layout->repo, "models--%s", id);
    else
        snprintf(layout->repo, sizeof layout->repo, "models--%.*s--%s", (int)(slash - id), id, slash + 1);
    return AKI_OK;
}

cache_path cache_blob_path(const cache_layout *layout, const char *etag)
{
    return format_path("%s/%s/blobs/%s", layout->root, layout->repo, etag);
}

cache_path cache_snapshot_path(const cache_layout *layout, const char *commit)
{
    return format_path("%s/%s/snapshots/%s", layout->root, layout->repo, commit);
}

cache_path cache_file_path(const cache_layout *layout, const char *commit, const char *file)
{
    return format_path("%s/%s/snapshots/%s/%s", layout->root, layout->repo, commit, file);
}

cache_path cache_ref_path(const cache_layout *layout, const char *revision)
{
    return format_path("%s/%s/refs/%s", layout->root, layout->repo, revision);
}

cache_path cache_absent_path(const cache_layout *layout, const char *commit, const char *file)
{
    return format_path("%s/%s/.no_exist/%s/%s", layout->root, layout->repo, commit, file);
}

cache_path cache_listing_path(const cache_layout *layout, const char *commit)
{
    return format_path("%s/%s/trees/%s.json", layout->root, layout->repo, commit);
}

cache_path cache_lock_path(const cache_layout *layout, const char *etag)
{
    return format_path("%s/.locks/%s/%s.lock", layout->root, layout->repo, etag);
}

bool cache_repo_to_id(const char *repo, char id[REPO_ID_MAX + 1])
{
    static const char prefix[] = "models--";
    if (strncmp(repo, prefix, sizeof prefix - 1) != 0)
        return false;
    const char *name = repo + sizeof prefix - 1;
    const char *separator = strstr(name, "--");
    int written = separator == NULL ? snprintf(id, REPO_ID_MAX + 1, "%s", name)
                                    : snprintf(id, REPO_ID_MAX + 1, "%.*s/%s", (int)(separator - name), name,
                                               separator + 2);
    return written > 0 && written <= REPO_ID_MAX && repo_id_valid(id);
}

aki_status cache_make_parents(const char *path, aki_error *error)
{
    char folder[CACHE_PATH_MAX];
    snprintf(folder, sizeof folder, "%s", path);
    for (char *slash = strchr(folder + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        struct stat info;
        /* Asked first, because on a read-only disk mkdir says so even where the folder is there. */
        if (stat(folder, &info) != 0 && mkdir(folder, 0777) != 0 && errno != EEXIST) {
            error_set_errno(error, AKI_IO_ERROR, errno, "cannot create the folder '%s'", folder);
            error_hint(error, "Set HF_HUB_CACHE to a folder that this user may write to.");
            return AKI_IO_ERROR;
        }
        *slash = '/';
    }
    return AKI_OK;
}

bool cache_read_ref(const cache_layout *layout, const char *revision, char commit[COMMIT_LENGTH + 1])
{
    if (commit_valid(revision)) {
        memcpy(commit, revision, COMMIT_LENGTH + 1);
        return true;
    }
    cache_path path = cache_ref_path(layout, revision);
    buf text;
    buf_init(&text, 256);
    bool known = file_read(path.text, &text, NULL) == AKI_OK && text.length >= COMMIT_LENGTH;
    if (known) {
        memcpy(commit, text.data, COMMIT_LENGTH);
        commit[COMMIT_LENGTH] = '\0';
        known =
            commit_valid(commit) && strspn(text.data + COMMIT_LENGTH, "\r\n") == text.length - COMMIT_LENGTH;
    }
    buf_free(&text);
    return known;
}

aki_status cache_write_ref(const cache_layout *layout, const char *revision, const char *commit,
                           aki_error *error)
{
    char known[COMMIT_LENGTH + 1];
    if (cache_read_ref(layout, revision, known) && strcmp(known, commit) == 0)
        return AKI_OK;
    cache_path path = cache_ref_path(layout, revision);
    aki_status status = cache_make_parents(path.text, error);
    return status != AKI_OK ? status : file_write_atomic(path.text, commit, COMMIT_LENGTH, error);
}

/* "../../blobs/<etag>", with one more "../" for each folder that the file lies in. */
static cache_path blob_from_file(const char *file, const char *etag)
{
    cache_path target = format_path("../../");
    size_t used = strlen(target.text);
    for (const char *slash = strchr(file, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        memcpy(target.text + used, "../", 4);
        used += 3;
    }
    snprintf(target.text + used, sizeof target.text - used, "blobs/%s", etag);
    return target;
}

aki_status cache_link_file(const cache_layout *layout, const char *commit, const char *file, const char *etag,
                           aki_error *error)
{
    cache_path path = cache_file_path(layout, commit, file);
    aki_status status = cache_make_parents(path.text, error);
    if (status != AKI_OK)
        return status;
    cache_path target = blob_from_file(file, etag);
    char present[CACHE_PATH_MAX];
    ssize_t length = readlink(path.text, present, sizeof present - 1);
    if (length > 0) {
        present[length] = '\0';
        if (strcmp(present, target.text) == 0)
            return AKI_OK;
    }
    /* Beside, then renamed: a reader never finds the name missing. */
    cache_path beside = format_path("%s.%ld.link", path.text, (long)getpid());
    unlink(beside.text);
    if (symlink(target.text, beside.text) == 0) {
        if (rename(beside.text, path.text) == 0)
            return AKI_OK;
        status = error_set_errno(error, AKI_IO_ERROR, errno, "cannot create '%s'", path.text);
        unlink(beside.text);
        return status;
    }
    if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS)
        return error_set_errno(error, AKI_IO_ERROR, errno, "cannot create '%s'", beside.text);
    /* A file system without symlinks: the file itself moves into the snapshot, as huggingface_hub does it. */
    cache_path blob = cache_blob_path(layout, etag);
    if (rename(blob.text, path.text) != 0)
        return error_set_errno(error, AKI_IO_ERROR, errno, "cannot move '%s' into the snapshot", blob.text);
    return AKI_OK;
}

bool cache_has_cut_download(const cache_layout *layout)
{
    static const char ending[] = ".incomplete";
    cache_path path = cache_blob_path(layout, ".");
    DIR *folder = opendir(path.text);
    bool found = false;
    for (const struct dirent *entry; folder != NULL && !found && (entry = readdir(folder)) != NULL;) {
        size_t length = strlen(entry->d_name);
        found =
            length > sizeof ending - 1 && strcmp(entry->d_name + length - (sizeof ending - 1), ending) == 0;
    }
    if (folder != NULL)
        closedir(folder);
    return found;
}

static void create_file(const char *path, const char *contents)
{
    int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor < 0)
        return;
    size_t length = strlen(contents);
    if (write(descriptor, contents, length) != (ssize_t)length)
        unlink(path);
    close(descriptor);
}

void cache_mark_absent(const cache_layout *layout, const char *commit, const char *file)
{
    cache_path path = cache_absent_path(layout, commit, file);
    if (cache_make_parents(path.text, NULL) == AKI_OK)
        create_file(path.text, "");
}

void cache_write_tag(const cache_layout *layout)
{
    cache_path path = format_path("%s/CACHEDIR.TAG", layout->root);
    if (cache_make_parents(path.text, NULL) == AKI_OK)
        create_file(path.text, cache_tag);
}
