#include "hub/pull.h"

#include "base/error.h"
#include "hub/download.h"
#include "hub/snapshot.h"

#include <string.h>

/* What is known of the commit while its files are walked. */
typedef struct pull_walk {
    download_session session;
    char commit[COMMIT_LENGTH + 1]; /* "" until the first file told */
    bool has_tokenizer;
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
        error_hint(error,
                   "Use a BERT sentence-embedding model with WordPiece tokens and safetensors weights.");
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
    if (!remote.exists) {
        if (required)
            return missing_file(walk, file, error);
        cache_mark_absent(layout, walk->commit, file);
        return AKI_OK;
    }
    status = settle_commit(walk, file, &remote, error);
    if (status != AKI_OK)
        return status;
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

static aki_status pull_poolings(pull_walk *walk, aki_error *error)
{
    cache_path path = cache_file_path(walk->session.layout, walk->commit, "modules.json");
    snapshot_poolings poolings;
    aki_status status = snapshot_read_modules(path.text, &poolings, error);
    walk->session.now.file_count += poolings.count;
    for (size_t i = 0; status == AKI_OK && i < poolings.count; i++) {
        bool present;
        status = pull_file(walk, poolings.names[i], true, &present, error);
    }
    return status;
}

static aki_status pull_files(pull_walk *walk, aki_error *error)
{
    walk->session.now.file_count = snapshot_file_count;
    for (size_t i = 0; i < snapshot_file_count; i++) {
        const snapshot_file *file = &snapshot_files[i];
        bool present;
        bool weights = i + 1 == snapshot_file_count;
        if (weights && !walk->has_tokenizer) /* not worth the large download */
            return missing_file(walk, "tokenizer.json or vocab.txt", error);
        aki_status status = pull_file(walk, file->name, file->required, &present, error);
        if (status == AKI_OK && present && strcmp(file->name, "modules.json") == 0)
            status = pull_poolings(walk, error);
        if (status != AKI_OK)
            return status;
        if (present && (strcmp(file->name, "tokenizer.json") == 0 || strcmp(file->name, "vocab.txt") == 0))
            walk->has_tokenizer = true;
    }
    return AKI_OK;
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
        log_write(&settings->log, AKI_LOG_WARN, "hub", "%s", not_noted.message);
    return AKI_OK;
}
