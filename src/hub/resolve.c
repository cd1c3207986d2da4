/* Resolves a model's name: to a folder, a snapshot in the cache, or a download. */
#include "hub/hub.h"

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "hub/pull.h"
#include "hub/snapshot.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static aki_status no_memory(aki_error *error)
{
    return error_set(error, AKI_OUT_OF_MEMORY, "no memory to resolve the model's name");
}

static aki_status give_snapshot(const cache_layout *layout, const char *commit, char **folder,
                                aki_error *error)
{
    cache_path path = cache_snapshot_path(layout, commit);
    *folder = mem_copy_string(path.text);
    return *folder != NULL ? AKI_OK : no_memory(error);
}

/* *folder stays NULL where `name` is not an existing folder but may be the name of a model. */
static aki_status try_folder(const char *name, char **folder, aki_error *error)
{
    char *path = environment_expand_home(name);
    if (path == NULL)
        return no_memory(error);
    struct stat info;
    bool exists = stat(path, &info) == 0;
    if (exists && S_ISDIR(info.st_mode)) {
        *folder = path;
        return AKI_OK;
    }
    aki_status status = AKI_OK;
    if (repo_id_looks_like_path(name)) {
        status = error_set(error, AKI_MODEL_NOT_FOUND,
                           exists ? "'%s' is not a folder" : "there is no folder '%s'", path);
        error_hint(error,
                   "Name the folder that holds config.json and model.safetensors, or a model of the hub like "
                   "sentence-transformers/all-MiniLM-L6-v2.");
    }
    mem_free(path);
    return status;
}

static aki_status check_names(const char *id, const hub_settings *settings, aki_error *error)
{
    if (!repo_id_valid(id)) {
        error_set(error, AKI_INVALID_ARGUMENT, "'%.200s' is not the name of a model", id);
        error_hint(error,
                   "A name is like sentence-transformers/all-MiniLM-L6-v2: letters, digits, '-', '_', '.'; "
                   "at most one '/'. A folder's name starts with '/' or './'.");
        return AKI_INVALID_ARGUMENT;
    }
    if (settings->revision == NULL || !revision_valid(settings->revision))
        return error_set(error, AKI_INVALID_ARGUMENT, "'%.200s' cannot be a revision of a model",
                         settings->revision != NULL ? settings->revision : "");
    if (settings->attempts < 1 || settings->connect_timeout_ms < 1 || settings->stall_timeout_ms < 1 ||
        settings->retry_delay_ms < 0)
        return error_set(error, AKI_INVALID_ARGUMENT, "the hub's attempts and timeouts must be at least 1");
    return AKI_OK;
}

/* The snapshot that the cache has for the revision; state->usable false with what is missing. */
static void look_in_cache(const cache_layout *layout, const hub_settings *settings,
                          char commit[COMMIT_LENGTH + 1], snapshot_state *state)
{
    if (cache_read_ref(layout, settings->revision, commit)) {
        snapshot_inspect(layout, commit, state);
        return;
    }
    memset(state, 0, sizeof *state);
    snprintf(state->missing, sizeof state->missing, "all of it");
}

static aki_status offline_miss(const char *id, const hub_settings *settings, const cache_layout *layout,
                               const snapshot_state *state, aki_error *error)
{
    error_set(error, AKI_MODEL_NOT_FOUND,
              "'%s' (revision %s) is not complete in the cache '%s', and downloads are off (HF_HUB_OFFLINE, "
              "--offline); missing: %s",
              id, settings->revision, layout->root, state->missing);
    if (state->usable)
        error_hint(error,
                   "Run `akidb-embed pull %.100s` while online. If the model has no such file, pass its "
                   "snapshot's folder: --model <folder>.",
                   id);
    else
        error_hint(
            error,
            "Run `akidb-embed pull %.100s` while online, set HF_HUB_CACHE to the cache that has it, or "
            "pass --model <folder>.",
            id);
    return AKI_MODEL_NOT_FOUND;
}

/* Error for a hub that does not answer, when the snapshot lacks files that the model may have. */
static aki_status unsettled(const aki_error *failure, const snapshot_state *state, aki_error *error)
{
    error_set(error, failure->status, "%.300s; the copy in the cache may lack: %s", failure->message,
              state->missing);
    error_hint(error,
               "Try again when the hub answers. If the model has no such file, pass its snapshot's folder: "
               "--model <folder>.");
    return failure->status;
}

/* Downloads the model; where the hub does not answer, a settled snapshot is used instead. */
static aki_status pull_or_stand_in(const char *id, const hub_settings *settings, const cache_layout *layout,
                                   char **folder, aki_error *error)
{
    char commit[COMMIT_LENGTH + 1];
    bool hub_unavailable;
    aki_error failure;
    aki_status status = pull_snapshot(id, settings, layout, commit, &hub_unavailable, &failure);
    if (status == AKI_OK)
        return give_snapshot(layout, commit, folder, error);
    snapshot_state state;
    look_in_cache(layout, settings, commit, &state);
    if (hub_unavailable && state.settled) {
        log_write(&settings->log, AKI_LOG_WARN, "hub", "%s; using the copy in the cache, commit %s",
                  failure.message, commit);
        return give_snapshot(layout, commit, folder, error);
    }
    if (hub_unavailable && state.usable)
        return unsettled(&failure, &state, error);
    if (error != NULL)
        *error = failure;
    return status;
}

aki_status hub_resolve(const char *id, const hub_settings *settings, char **folder, aki_error *error)
{
    *folder = NULL;
    aki_status status = try_folder(id, folder, error);
    if (status != AKI_OK || *folder != NULL)
        return status;
    status = check_names(id, settings, error);
    if (status != AKI_OK)
        return status;
    cache_layout layout;
    status = cache_layout_init(&layout, settings->cache_folder, id, error);
    if (status != AKI_OK)
        return status;
    char commit[COMMIT_LENGTH + 1];
    snapshot_state state;
    look_in_cache(&layout, settings, commit, &state);
    if (state.settled)
        return give_snapshot(&layout, commit, folder, error);
    if (settings->offline)
        return offline_miss(id, settings, &layout, &state, error);
    return pull_or_stand_in(id, settings, &layout, folder, error);
}

aki_status hub_pull(const char *id, const hub_settings *settings, char **folder, aki_error *error)
{
    *folder = NULL;
    aki_status status = check_names(id, settings, error);
    if (status != AKI_OK)
        return status;
    if (settings->offline)
        return hub_resolve(id, settings, folder, error);
    cache_layout layout;
    status = cache_layout_init(&layout, settings->cache_folder, id, error);
    return status != AKI_OK ? status : pull_or_stand_in(id, settings, &layout, folder, error);
}
