/* One file of the hub into the cache: what it is (a HEAD request), its bytes, their proof. */
#ifndef HUB_DOWNLOAD_H
#define HUB_DOWNLOAD_H

#include "hub/cache_layout.h"
#include "hub/transfer.h"

#define DOWNLOAD_SMALL_BYTES_MAX (UINT64_C(64) << 20)   /* configuration and vocabulary */
#define DOWNLOAD_WEIGHTS_BYTES_MAX (UINT64_C(64) << 30) /* *.safetensors */

typedef struct download_session {
    const hub_settings *settings;
    const cache_layout *layout;
    const char *id;
    transfer *transfer;
    hub_progress now; /* file_index and file_count are kept by whoever walks the files */
    /* the failure was the network's or the hub's, not the request's: a cache may stand in */
    bool hub_unavailable;
} download_session;

typedef struct remote_file {
    bool exists;
    char commit[COMMIT_LENGTH + 1]; /* of an absent file "", where the hub does not say */
    char etag[ETAG_MAX + 1];
    bool size_known;
    uint64_t size; /* bytes */
} remote_file;

/* Asks what `file` is at `revision`. A hub that has no such file is no error: remote->exists is false.
 * Errors: AKI_MODEL_DOWNLOAD_FAILED, AKI_CANCELLED, AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status download_look_up(download_session *session, const char *revision, const char *file,
                                           remote_file *remote, aki_error *error);

/* Makes blobs/<etag> hold the file: nothing to do when a valid one is there; else resumes or starts the download,
 * checks size and digest, and renames. Other processes that want the same blob wait. On failure no blob is left;
 * <etag>.incomplete is, where its bytes may be of use to a later attempt.
 * Errors: AKI_MODEL_DOWNLOAD_FAILED, AKI_IO_ERROR, AKI_CANCELLED, AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status download_blob(download_session *session, const char *file,
                                        const remote_file *remote, aki_error *error);

/* Checks the file at `path` for the size and digest that the hub announced. Errors: AKI_IO_ERROR,
 * AKI_OUT_OF_MEMORY, AKI_CANCELLED. */
AKI_MUST_CHECK aki_status download_is_valid(const download_session *session, const char *path,
                                            const remote_file *remote, bool *valid, aki_error *error);

/* ---- Shared by the two kinds of request ------------------------------------------------------------------- */

/* After the failure-th failed attempt: waits and returns AKI_OK when another attempt is worth it; else the error. */
AKI_MUST_CHECK aki_status download_retry(download_session *session, const char *file,
                                         const transfer_result *result, unsigned failures, aki_error *error);

/* Turns a failed request into message and hint, and sets session->hub_unavailable. */
aki_status download_failed(download_session *session, const char *file, const transfer_result *result,
                           aki_error *error);

uint64_t download_size_limit(const char *file);

#endif
