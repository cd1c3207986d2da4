#include "hub/pull.h"

#include "base/error.h"
#include "base/shard_index.h"
#include "hub/download.h"
#include "hub/snapshot.h"

#include <string.h>

/* Facts about the commit, gathered while its files are walked. */
typedef struct pull_walk {
    download_session session;
    char commit[COMMIT_LENGTH + 1]; /* "" until the first file told */
} pull_walk;

/* The first answer settles the commit; asking for that commit from then on keeps a push in between out. */
static aki_status settle_commit(pull_walk *walk, const char *file, const remote_file *remote,
                                aki_error *error)
{
    const char *expected = walk->commit[0] != '\0' ? walk->commit : walk->session.settings->revision;
    if (commit_valid(expected) && strcmp(expected, remote->commit) != 0) {
        error_set(error, AKI_MODEL_DOWNLOAD_FAILED,
                  "cannot download '%s' (%s): asked for commit %s, the hub answers for %s", walk->session.id,
                  file, expected, remote->commit);
        error_hint(error, "The hub or mirror contradicts itself: check HF_ENDPOINT, or try again later.");
        return AKI_MODEL_DOWNLOAD_FAILED;
    }
    memcpy(walk->commit, remote->commit, sizeof walk->commit);
    return AKI_OK;
}

static aki_status missing_file(const pull_walk *walk, const char *file, aki_error *error)
{
    const hub_settings *settings = walk->session.settings;
    error_set(error, AKI_MODEL_DOWNLOAD_FAILED, "cannot download '%s': %s has no file %s at revision %s",
              walk->session.id, walk->commit[0] != '\0' ? "the model" : "the hub knows no such model, or it",
              file, settings->revision);
    if (walk->commit[0] == '\0')
        error_hint(error, "Check the model's name%s%s%s and the revision.",
                   strchr(walk->session.id, '/') == NULL ? " (perhaps sentence-transformers/" : "",
                   strchr(walk->session.id, '/') == NULL ? walk->session.id : "",
                   strchr(walk->session.id, '/') == NULL ? ")" : "");
    else
        error_hint(error, "Use a model of a family that docs/MODELS.md lists, with safetensors weights.");
    return AKI_MODEL_DOWNLOAD_FAILED;
}

static aki_status pull_file(pull_walk *walk, const char *file, bool required, bool *present, aki_error *error)
{
    download_session *session = &walk->session;
    const cache_layout *layout = session->layout;
    remote_file remote;
    *present = false;
    session->now.file_index++;
    const char *revision = walk->commit[0] != '\0' ? walk->commit : session->settings->revision;
    aki_status status = download_look_up(session, revision, file, &remote, error);
    if (status != AKI_OK)
        return status;
    if (remote.commit[0] != '\0') {
        status = settle_commit(walk, file, &remote, error);
        if (status != AKI_OK)
            return status;
    }
    if (!remote.exists) {
        if (required)
            return missing_file(walk, file, error);
        if (walk->commit[0] != '\0')
            cache_mark_absent(layout, walk->commit, file);
        return AKI_OK;
    }
    cache_path path = cache_file_path(layout, walk->commit, file);
    status = download_is_valid(session, path.text, &remote, present, error);
    if (status != AKI_OK || *present)
        return status;
    cache_write_tag(layout);
    status = download_blob(session, file, &remote, error);
    if (status == AKI_OK)
        status = cache_link_file(layout, walk->commit, file, remote.etag, error);
    *present = status == AKI_OK;
    return status;
}

/* Which files there are depends on modules.json. */
static aki_status pull_modules(pull_walk *walk, snapshot_plan *plan, aki_error *error)
{
    bool present;
    walk->session.now.file_count = SNAPSHOT_FILES_MAX; /* until it is known better */
    aki_status status = pull_file(walk, SNAPSHOT_MODULES_FILE, false, &present, error);
    if (status == AKI_OK && walk->commit[0] == '\0') {
        /* A mirror that does not say of which commit it speaks when it has no such file: settle that first. */
        status = pull_file(walk, "config.json", true, &present, error);
        if (status == AKI_OK)
            status = pull_file(walk, SNAPSHOT_MODULES_FILE, false, &present, error);
    }
    if (status != AKI_OK)
        return status;
    cache_path modules = cache_file_path(walk->session.layout, walk->commit, SNAPSHOT_MODULES_FILE);
    status = snapshot_make_plan(present ? modules.text : NULL, plan, error);
    walk->session.now.file_index = 1;
    walk->session.now.file_count = plan->count + 1;
    return status;
}

static aki_status pull_shards(pull_walk *walk, const char *weights, const shard_index *index,
                              aki_error *error)
{
    aki_status status = AKI_OK;
    walk->session.now.file_count += index->count;
    for (size_t i = 0; i < index->count && status == AKI_OK; i++) {
        char name[REPO_FILE_NAME_MAX + 1];
        bool present;
        status = snapshot_shard_name(name, weights, index->files[i])
                     ? pull_file(walk, name, true, &present, error)
                     : error_set(error, AKI_MODEL_INVALID, "the name of a weight file of '%s' is too long",
                                 walk->session.id);
    }
    return status;
}

/* One file, else the index and the files that it lists. */
static aki_status pull_weights(pull_walk *walk, const char *weights, aki_error *error)
{
    char name[REPO_FILE_NAME_MAX + 1];
    bool present = false;
    aki_status status = pull_file(walk, weights, false, &present, error);
    if (status != AKI_OK || present)
        return status;
    if (snapshot_shard_name(name, weights, "model.safetensors" SHARD_INDEX_ENDING)) {
        walk->session.now.file_count++;
        status = pull_file(walk, name, false, &present, error);
    }
    if (status == AKI_OK && !present)
        return missing_file(walk, weights, error);
    if (status != AKI_OK)
        return status;
    shard_index index;
    cache_path path = cache_file_path(walk->session.layout, walk->commit, name);
    status = shard_index_read(&index, path.text, error);
    if (status == AKI_OK)
        status = pull_shards(walk, weights, &index, error);
    shard_index_free(&index);
    return status;
}

static aki_status pull_files(pull_walk *walk, aki_error *error)
{
    snapshot_plan plan;
    bool has_tokenizer = false, present = false;
    aki_status status = pull_modules(walk, &plan, error);
    for (size_t i = 0; status == AKI_OK && i < plan.count; i++) {
        const snapshot_file *file = &plan.files[i];
        bool weights = file->need == SNAPSHOT_WEIGHTS;
        if (weights && !has_tokenizer) /* not worth the large download */
            return missing_file(walk, "tokenizer.json or vocab.txt", error);
        if (file->need == SNAPSHOT_OLDER_NAME && present) { /* already present under a newer name */
            walk->session.now.file_index++;
            continue;
        }
        status = weights ? pull_weights(walk, file->name, error)
                         : pull_file(walk, file->name, file->need == SNAPSHOT_REQUIRED, &present, error);
        has_tokenizer = has_tokenizer || (present && file->need == SNAPSHOT_TOKENIZER);
    }
    return status;
}

aki_status pull_snapshot(const char *id, const hub_settings *settings, const cache_layout *layout,
                         char commit[COMMIT_LENGTH + 1], bool *hub_unavailable, aki_error *error)
{
    pull_walk walk = {.session = {.settings = settings, .layout = layout, .id = id}};
    *hub_unavailable = false;
    aki_status status = transfer_open(&walk.session.transfer, settings, error);
    if (status != AKI_OK)
        return status;
    status = pull_files(&walk, error);
    transfer_close(walk.session.transfer);
    *hub_unavailable = status == AKI_MODEL_DOWNLOAD_FAILED && walk.session.hub_unavailable;
    if (status != AKI_OK)
        return status;
    memcpy(commit, walk.commit, sizeof walk.commit);

    /* Last, so that a revision never means a snapshot that is not whole. In a cache that cannot be written to, the
     * snapshot serves without it. */
    aki_error not_noted;
    if (cache_write_ref(layout, settings->revision, commit, &not_noted) != AKI_OK)
        log_write(&settings->log, AKI_LOG_WARN, "hub",
                  "revision %s is here, but will not be found offline: %s", settings->revision,
                  not_noted.message);
    return AKI_OK;
}
