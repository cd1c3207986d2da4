/* Models by name: the Hugging Face cache layout, and downloads from the hub into it.
 *
 * hub_resolve finds `id` as (1) a folder, (2) a snapshot in the local cache, (3) by download, in this order. */
#ifndef HUB_HUB_H
#define HUB_HUB_H

#include "akidb/embed.h"
#include "base/log.h"

typedef struct hub_progress {
    const char *file;     /* "model.safetensors" */
    uint64_t done, total; /* bytes; total 0 = unknown */
    size_t file_index, file_count;
} hub_progress;

typedef struct hub_settings {
    const char *cache_folder; /* HF_HUB_CACHE, else $HF_HOME/hub, else ~/.cache/huggingface/hub */
    const char *endpoint;     /* HF_ENDPOINT */
    const char *token;        /* HF_TOKEN, HF_TOKEN_PATH or $HF_HOME/token; NULL = anonymous. Never logged */
    /* HTTP_PROXY, for http:// addresses; NULL = as libcurl finds it: it reads the other variables, but this one in lower case only */
    const char *http_proxy;
    const char *ca_file;    /* SSL_CERT_FILE and the like: certificates to trust; NULL = the system's */
    bool offline;           /* HF_HUB_OFFLINE: never touch the network */
    const char *revision;   /* branch, tag or commit; default "main" */
    unsigned attempts;      /* per file, >= 1; counted anew after every 256 KiB that arrived */
    int64_t retry_delay_ms; /* before the second attempt; doubles, jittered, capped */
    int64_t connect_timeout_ms, stall_timeout_ms;
    void (*progress)(void *cookie, const hub_progress *now); /* NULL = none; called from the calling thread */
    void *cookie;
    bool (*cancelled)(void *cookie); /* NULL = never; asked at least once a second */
    log_sink log;
    void *storage; /* of the strings that hub_settings_from_environment found; private to it */
} hub_settings;

/* Fills the settings from the environment (docs/HUB.md lists the variables) and the defaults of huggingface_hub. A
 * caller may then point the string fields at strings of its own; they are not freed. Free with hub_settings_free.
 * Not thread-safe against setenv. Errors: AKI_OUT_OF_MEMORY, AKI_INVALID_ARGUMENT (a variable that must be a
 * number is none). */
AKI_MUST_CHECK aki_status hub_settings_from_environment(hub_settings *settings, aki_error *error);
void hub_settings_free(hub_settings *settings);

/* On success *folder is the folder with the model's files (free with mem_free). Errors: AKI_MODEL_NOT_FOUND (no such
 * folder; not in the cache and offline), AKI_MODEL_DOWNLOAD_FAILED (cause in the message, remedy in the hint),
 * AKI_INVALID_ARGUMENT (not an id), AKI_IO_ERROR (cache not writable, disk full), AKI_CANCELLED. */
AKI_MUST_CHECK aki_status hub_resolve(const char *id, const hub_settings *settings, char **folder,
                                      aki_error *error);

/* As hub_resolve for an id, but asks the hub for what `revision` means now, checks every file that is there against its
 * digest, and completes or repairs the snapshot (the pull command). A hub that does not answer is an error only when
 * the cache has no complete snapshot; else the log says so. */
AKI_MUST_CHECK aki_status hub_pull(const char *id, const hub_settings *settings, char **folder,
                                   aki_error *error);

typedef struct hub_cached_model {
    char *id, *revision, *folder;
    uint64_t bytes;
    bool complete; /* can be used offline: hub/snapshot.h, settled */
} hub_cached_model;

/* Snapshots in the cache. Free with hub_list_free. A missing cache folder is an empty list. */
AKI_MUST_CHECK aki_status hub_list(const hub_settings *settings, hub_cached_model **models, size_t *count,
                                   aki_error *error);
void hub_list_free(hub_cached_model *models, size_t count);

/* Deletes the model from the cache, all revisions of it, once no download of it is under way. Nothing outside the cache is touched,
 * links in it are not followed. *bytes: how many were freed. Errors: AKI_MODEL_NOT_FOUND (the cache has no such model),
 * AKI_IO_ERROR (some of it could not be deleted), AKI_CANCELLED, AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status hub_remove(const char *id, const hub_settings *settings, uint64_t *bytes,
                                     aki_error *error);

/* The path with a leading "~" replaced by the home folder (as it is where that is unknown). Freed with mem_free; NULL =
 * out of memory. */
char *environment_expand_home(const char *path) __attribute__((malloc, warn_unused_result));

#endif
