/* The models in the cache, as the models command shows them. */
#include "hub/hub.h"

#include "base/error.h"
#include "base/memory.h"
#include "hub/snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FOLDER_DEPTH_MAX 8
#define MODELS_MAX 100000

typedef struct model_list {
    hub_cached_model *models;
    size_t count, room;
} model_list;

/* Sum of the sizes of the files below `path`; what cannot be read counts nothing. */
static uint64_t folder_bytes(const char *path, int depth)
{
    DIR *folder = depth < FOLDER_DEPTH_MAX ? opendir(path) : NULL;
    uint64_t bytes = 0;
    for (const struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        char child[CACHE_PATH_MAX];
        struct stat info;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            snprintf(child, sizeof child, "%s/%s", path, entry->d_name) >= (int)sizeof child ||
            stat(child, &info) != 0)
            continue;
        if (S_ISDIR(info.st_mode))
            bytes += folder_bytes(child, depth + 1);
        else
            bytes += (uint64_t)info.st_size;
    }
    if (folder != NULL)
        closedir(folder);
    return bytes;
}

/* The revision that a snapshot goes by: "main" where it is that, else the first other reference in the alphabet
 * (those in folders, like refs/pr/1, apart), else the commit. */
static void name_revision(const cache_layout *layout, const char *commit, char revision[REVISION_MAX + 1])
{
    char meant[COMMIT_LENGTH + 1];
    snprintf(revision, REVISION_MAX + 1, "%s", commit);
    bool found = false;
    cache_path path = cache_ref_path(layout, ".");
    DIR *folder = opendir(path.text);
    for (const struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        const char *name = entry->d_name;
        if (!revision_valid(name) || !cache_read_ref(layout, name, meant) || strcmp(meant, commit) != 0)
            continue;
        bool better = !found || strcmp(name, "main") == 0 ||
                      (strcmp(revision, "main") != 0 && strcmp(name, revision) < 0);
        if (better)
            snprintf(revision, REVISION_MAX + 1, "%s", name);
        found = true;
    }
    if (folder != NULL)
        closedir(folder);
}

static aki_status add_model(model_list *list, const cache_layout *layout, const char *id, const char *commit,
                            aki_error *error)
{
    if (list->count == MODELS_MAX)
        return AKI_OK;
    if (list->count == list->room) {
        size_t room = list->room > 0 ? list->room * 2 : 16;
        hub_cached_model *models = mem_realloc(list->models, room, sizeof *models);
        if (models == NULL)
            return error_set(error, AKI_OUT_OF_MEMORY, "no memory to list the cache");
        list->models = models;
        list->room = room;
    }
    char revision[REVISION_MAX + 1];
    name_revision(layout, commit, revision);
    cache_path path = cache_snapshot_path(layout, commit);
    snapshot_state state;
    snapshot_inspect(layout, commit, &state);
    hub_cached_model *model = &list->models[list->count++];
    *model = (hub_cached_model){.id = mem_copy_string(id),
                                .revision = mem_copy_string(revision),
                                .folder = mem_copy_string(path.text),
                                .bytes = folder_bytes(path.text, 0),
                                .complete = state.settled};
    if (model->id == NULL || model->revision == NULL || model->folder == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to list the cache");
    return AKI_OK;
}

static aki_status add_snapshots(model_list *list, const cache_layout *layout, const char *id,
                                aki_error *error)
{
    cache_path path = cache_snapshot_path(layout, ".");
    DIR *folder = opendir(path.text);
    aki_status status = AKI_OK;
    for (const struct dirent *entry; folder != NULL && status == AKI_OK && (entry = readdir(folder)) != NULL;)
        if (commit_valid(entry->d_name))
            status = add_model(list, layout, id, entry->d_name, error);
    if (folder != NULL)
        closedir(folder);
    return status;
}

static int compare_models(const void *a, const void *b)
{
    const hub_cached_model *first = a, *second = b;
    int order = strcmp(first->id, second->id);
    return order != 0 ? order : strcmp(first->revision, second->revision);
}

aki_status hub_list(const hub_settings *settings, hub_cached_model **models, size_t *count, aki_error *error)
{
    *models = NULL;
    *count = 0;
    DIR *folder = opendir(settings->cache_folder);
    if (folder == NULL)
        return errno == ENOENT ? AKI_OK
                               : error_set_errno(error, AKI_IO_ERROR, errno,
                                                 "cannot list the cache folder '%s'", settings->cache_folder);
    model_list list = {0};
    aki_status status = AKI_OK;
    for (const struct dirent *entry; status == AKI_OK && (entry = readdir(folder)) != NULL;) {
        char id[REPO_ID_MAX + 1];
        cache_layout layout;
        if (!cache_repo_to_id(entry->d_name, id))
            continue;
        status = cache_layout_init(&layout, settings->cache_folder, id, error);
        if (status == AKI_OK)
            status = add_snapshots(&list, &layout, id, error);
    }
    closedir(folder);
    if (status != AKI_OK) {
        hub_list_free(list.models, list.count);
        return status;
    }
    if (list.count > 0)
        qsort(list.models, list.count, sizeof *list.models, compare_models);
    *models = list.models;
    *count = list.count;
    return AKI_OK;
}

void hub_list_free(hub_cached_model *models, size_t count)
{
    for (size_t i = 0; models != NULL && i < count; i++) {
        mem_free(models[i].id);
        mem_free(models[i].revision);
        mem_free(models[i].folder);
    }
    mem_free(models);
}
