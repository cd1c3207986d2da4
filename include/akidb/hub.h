/* akidb/hub.h - models by name: the Hugging Face cache and downloads into it. The public C API of libakidb_embed_hub.
 *
 *     char folder[4096];
 *     if (aki_hub_locate("sentence-transformers/all-MiniLM-L6-v2", NULL, folder, sizeof folder, &error) == AKI_OK)
 *         status = aki_open(&model, folder, NULL, &error);
 *
 * A library of its own, so that programs which open models from folders do not load libcurl. The Python package carries
 * it; -Dpython=true builds it. Unlike libakidb_embed it reads the environment: the variables of huggingface_hub that
 * docs/HUB.md lists. It may be used from any number of threads, while none changes the environment. */
#ifndef AKIDB_HUB_H
#define AKIDB_HUB_H

#include "akidb/embed.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct aki_hub_progress {
    const char *file;     /* "model.safetensors" */
    uint64_t done, total; /* bytes; total 0 = unknown */
    size_t file_index, file_count;
} aki_hub_progress;

/* All zeros: as the environment says. Strings need to live during the call only. */
typedef struct aki_hub_options {
    const char *cache_folder; /* NULL = HF_HUB_CACHE, else $HF_HOME/hub, else ~/.cache/huggingface/hub */
    const char *revision;     /* branch, tag or commit; NULL = "main" */
    const char *token;        /* NULL = HF_TOKEN or the file where huggingface_hub keeps it */
    /* certificates to trust where SSL_CERT_FILE and the like name none; NULL = the system's */
    const char *ca_file;
    bool offline; /* never touch the network; as HF_HUB_OFFLINE */
    bool pull;    /* ask the hub even where the cache has the model, and repair what is damaged there */
    /* Called on the calling thread while something is downloaded; NULL = not wanted. False ends the download with
     * AKI_CANCELLED; what has arrived is kept for the next attempt. */
    bool (*progress)(void *cookie, const aki_hub_progress *now);
    void *cookie;
    const volatile int *cancel; /* as in aki_embed_options; looked at at least once a second */
} aki_hub_options;

/* Writes the folder of the model `name` to `folder` [size]: a folder that exists, else a snapshot in the cache, else a
 * download. options NULL = all defaults; options_size: of the struct in the caller's header, as embed.h says.
 * Errors: AKI_MODEL_NOT_FOUND, AKI_MODEL_DOWNLOAD_FAILED, AKI_INVALID_ARGUMENT (not a name; a path longer than `size`),
 * AKI_IO_ERROR, AKI_CANCELLED, AKI_OUT_OF_MEMORY. */
AKI_API AKI_MUST_CHECK aki_status aki_hub_locate_sized(const char *name, const aki_hub_options *options,
                                                       size_t options_size, char *folder, size_t size,
                                                       aki_error *error);
static inline AKI_MUST_CHECK aki_status aki_hub_locate(const char *name, const aki_hub_options *options,
                                                       char *folder, size_t size, aki_error *error)
{
    return aki_hub_locate_sized(name, options, sizeof *options, folder, size, error);
}

#ifdef __cplusplus
}
#endif
#endif
