/* The hub's facts about a file: the commit, the ETag that names the blob, the size. */
#include "hub/download.h"

#include "base/error.h"

#include <inttypes.h>
#include <string.h>

/* The file is not there, as opposed to the whole model or the revision. A mirror may leave the code out. */
static bool file_absent(const transfer_result *result)
{
    const char *code = result->head.error_code;
    return result->outcome == TRANSFER_ANSWERED && result->head.status == 404 &&
           (code[0] == '\0' || strcmp(code, "EntryNotFound") == 0);
}

static aki_status incomplete_answer(download_session *session, const char *file,
                                    const transfer_result *result, const char *header, aki_error *error)
{
    bool redirected = result->redirect_origin[0] != '\0';
    error_set(error, AKI_MODEL_DOWNLOAD_FAILED,
              "cannot download '%s' (%s) from %s: the answer (HTTP %ld%s%s) has no usable %s header",
              session->id, file, result->host, result->head.status, redirected ? ", redirect to " : "",
              result->redirect_origin, header);
    error_hint(error,
               "Check that HF_ENDPOINT is the address of a Hugging Face hub or mirror%s%s, and that no proxy "
               "changes its answers.",
               redirected ? "; perhaps it should be " : "", result->redirect_origin);
    return AKI_MODEL_DOWNLOAD_FAILED;
}

static aki_status take_answer(download_session *session, const char *file, const transfer_result *result,
                              remote_file *remote, aki_error *error)
{
    const response_head *head = &result->head;
    bool redirected = result->redirect_origin[0] != '\0';
    if (!commit_valid(head->repo_commit))
        return incomplete_answer(session, file, result, "X-Repo-Commit", error);
    memcpy(remote->commit, head->repo_commit, sizeof remote->commit);
    if (!etag_parse(head->linked_etag[0] != '\0' ? head->linked_etag : head->etag, remote->etag))
        return incomplete_answer(session, file, result, "ETag", error);

    /* A redirect's Content-Length is that of the redirect. */
    int64_t size = head->linked_size >= 0 ? head->linked_size : redirected ? -1 : head->content_length;
    remote->exists = true;
    remote->size_known = size >= 0;
    remote->size = size >= 0 ? (uint64_t)size : 0;
    uint64_t limit = download_size_limit(file);
    if (remote->size > limit) {
        error_set(error, AKI_MODEL_DOWNLOAD_FAILED,
                  "cannot download '%s' (%s) from %s: %" PRIu64 " bytes are more than the %" PRIu64
                  " allowed for this file",
                  session->id, file, result->host, remote->size, limit);
        error_hint(error, "Use a model whose files are within the limit.");
        return AKI_MODEL_DOWNLOAD_FAILED;
    }
    return AKI_OK;
}

aki_status download_look_up(download_session *session, const char *revision, const char *file,
                            remote_file *remote, aki_error *error)
{
    memset(remote, 0, sizeof *remote);
    char url[URL_MAX];
    if (!url_of_file(session->settings->endpoint, session->id, revision, file, url))
        return error_set(error, AKI_INVALID_ARGUMENT, "the hub's address (HF_ENDPOINT) is too long");
    for (unsigned failures = 1;; failures++) {
        transfer_result result;
        transfer_head(session->transfer, url, &result);
        if (file_absent(&result)) {
            if (commit_valid(result.head.repo_commit))
                memcpy(remote->commit, result.head.repo_commit, sizeof remote->commit);
            return AKI_OK;
        }
        bool found = result.outcome == TRANSFER_ANSWERED &&
                     (result.head.status == 200 || result.redirect_origin[0] != '\0');
        if (found)
            return take_answer(session, file, &result, remote, error);
        aki_status status = download_retry(session, file, &result, failures, error);
        if (status != AKI_OK)
            return status;
    }
}
