/* Deleting a model from the cache. The repository's folder is first renamed, in one step: whoever looks for the model finds all of
 * it or nothing. A program that serves it keeps what it has mapped. */
#include "hub/hub.h"

#include "base/error.h"
#include "base/memory.h"
#include "hub/cache_layout.h"
#include "hub/lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 16
#define LOCKS_MAX 512

typedef struct removal {
    uint64_t bytes;
    int error_number; /* of the first that could not be deleted; 0 = none */
} removal;

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static void note(removal *r, bool done)
{
    if (!done && r->error_number == 0)
        r->error_number = errno;
}

/* Deletes what is in the folder, then the folder. Links are deleted and not followed, so nothing outside is touched. */
static void delete_folder(removal *r, int parent, const char *name, unsigned depth)
{
    int descriptor =
        depth < DEPTH_MAX ? openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    DIR *folder = descriptor >= 0 ? fdopendir(descriptor) : NULL;
    if (folder == NULL) {
        note(r, false);
        if (descriptor >= 0)
            close(descriptor);
        return;
    }
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        struct stat info;
        if (is_dots(entry->d_name) || fstatat(dirfd(folder), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        if (S_ISDIR(info.st_mode)) {
            delete_folder(r, dirfd(folder), entry->d_name, depth + 1);
            continue;
        }
        r->bytes += S_ISREG(info.st_mode) ? (uint64_t)info.st_size : 0;
        note(r, unlinkat(dirfd(folder), entry->d_name, 0) == 0);
    }
    closedir(folder);
    note(r, unlinkat(parent, name, AT_REMOVEDIR) == 0);
}

/* Takes the locks of the model's files, so that no download is under way. Returns how many are held. */
static size_t lock_all(const cache_layout *layout, const hub_settings *settings, file_lock *locks,
                       aki_status *status, aki_error *error)
{
    char path[CACHE_PATH_MAX * 2];
    size_t held = 0;
    snprintf(path, sizeof path, "%s/.locks/%s", layout->root, layout->repo);
    DIR *folder = opendir(path);
    for (const struct dirent *entry;
         folder != NULL && *status == AKI_OK && held < LOCKS_MAX && (entry = readdir(folder)) != NULL;) {
        if (is_dots(entry->d_name))
            continue;
        snprintf(path, sizeof path, "%s/.locks/%s/%s", layout->root, layout->repo, entry->d_name);
        *status = lock_acquire(&locks[held], path, settings, error);
        held += *status == AKI_OK;
    }
    if (folder != NULL)
        closedir(folder);
    return held;
}

static aki_status refuse_missing(const char *id, const hub_settings *settings, aki_error *error)
{
    error_set(error, AKI_MODEL_NOT_FOUND, "the cache %s has no model '%.200s'", settings->cache_folder, id);
    error_hint(error,
               "`akidb-embed models` lists those that it has. A folder of your own is yours to delete.");
    return AKI_MODEL_NOT_FOUND;
}

/* The locks are held. */
static aki_status remove_repo(const cache_layout *layout, const char *id, const hub_settings *settings,
                              uint64_t *bytes, aki_error *error)
{
    char moved[sizeof layout->repo + 40];
    struct stat info;
    int root = open(layout->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0 || fstatat(root, layout->repo, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(info.st_mode)) {
        if (root >= 0)
            close(root);
        return refuse_missing(id, settings, error);
    }
    removal r = {0};
    snprintf(moved, sizeof moved, ".removed-%s-%ld", layout->repo, (long)getpid());
    if (renameat(root, layout->repo, root, moved) != 0)
        note(&r, false);
    else
        delete_folder(&r, root, moved, 0);
    close(root);
    *bytes = r.bytes;
    if (r.error_number != 0)
        return error_set_errno(error, AKI_IO_ERROR, r.error_number, "cannot delete all of '%s' in %s", id,
                               layout->root);
    return AKI_OK;
}

aki_status hub_remove(const char *id, const hub_settings *settings, uint64_t *bytes, aki_error *error)
{
    cache_layout layout;
    *bytes = 0;
    if (!repo_id_valid(id))
        return refuse_missing(id, settings, error);
    aki_status status = cache_layout_init(&layout, settings->cache_folder, id, error);
    if (status != AKI_OK)
        return status;
    file_lock *locks = mem_alloc(LOCKS_MAX, sizeof *locks);
    if (locks == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to delete a model");
    const size_t held = lock_all(&layout, settings, locks, &status, error);
    if (status == AKI_OK)
        status = remove_repo(&layout, id, settings, bytes, error);
    for (size_t i = 0; i < held; i++)
        lock_release(&locks[i]);
    mem_free(locks);
    return status;
}
