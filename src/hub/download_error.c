/* Why a request failed, whether to try again, and what the user can do about it. */
#include "hub/download.h"

#include "base/error.h"
#include "hub/transfer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char hint_network[] =
    "Check the network and the proxy (HTTPS_PROXY), set HF_ENDPOINT to a mirror, or put "
    "the files in a folder and pass --model <folder>.";

static bool worth_retrying(const transfer_result *result)
{
    switch (result->outcome) {
    case TRANSFER_UNREACHABLE:
    case TRANSFER_CUT:
    case TRANSFER_STALLED:
        return true;
    case TRANSFER_ANSWERED:
        return retry_status(result->head.status) && result->retry_after_s <= RETRY_AFTER_MAX_S;
    default: /* also TRANSFER_NO_ANSWER: what did not answer for that long will not in the next second */
        return false;
    }
}

static bool unavailable(const transfer_result *result)
{
    switch (result->outcome) {
    case TRANSFER_UNREACHABLE:
    case TRANSFER_NO_ANSWER:
    case TRANSFER_CUT:
    case TRANSFER_STALLED:
        return true;
    case TRANSFER_ANSWERED:
        return retry_status(result->head.status);
    default:
        return false;
    }
}

static void set_hint(const download_session *session, const transfer_result *result, aki_error *error)
{
    bool answered = result->outcome == TRANSFER_ANSWERED;
    long status = answered ? result->head.status : 0;
    const char *prefix = strchr(session->id, '/') == NULL ? " (perhaps sentence-transformers/" : "";
    const char *name = prefix[0] != '\0' ? session->id : "";
    const char *end = prefix[0] != '\0' ? ")" : "";
    if (status == 401 || status == 403)
        error_hint(error,
                   "Check the model's name%s%s%s. If it is private or gated, accept its terms on the hub and "
                   "set HF_TOKEN to a token that may read it.",
                   prefix, name, end);
    else if (status == 404)
        error_hint(error, "Check the model's name%s%s%s and the revision.", prefix, name, end);
    else if (status == 429)
        error_hint(error,
                   "Wait%s, set HF_TOKEN (the hub allows more requests with a token), or use a mirror by "
                   "HF_ENDPOINT.",
                   result->retry_after_s > 0 ? " as long as the hub asks for" : "");
    else if (status != 0)
        error_hint(error, "The hub failed: try again later, set HF_ENDPOINT to a mirror, or pass "
                          "--model <folder>.");
    else if (result->outcome == TRANSFER_NOT_TRUSTED)
        error_hint(
            error,
            "Install the package ca-certificates; behind a proxy that opens TLS, point SSL_CERT_FILE at "
            "its certificate.");
    else
        error_hint(error, "%s", hint_network);
}

aki_status download_failed(download_session *session, const char *file, const transfer_result *result,
                           aki_error *error)
{
    session->hub_unavailable = unavailable(result);
    if (result->outcome == TRANSFER_CANCELLED)
        return error_set(error, AKI_CANCELLED, "the download of '%s' was cancelled", session->id);
    if (result->outcome == TRANSFER_OUT_OF_MEMORY)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to download '%s'", session->id);

    bool answered = result->outcome == TRANSFER_ANSWERED;
    const char *code = result->head.error_code;
    const char *meaning = "";
    char wait[64] = "";
    if (answered && result->retry_after_s > 0)
        snprintf(wait, sizeof wait, ", asks to come back in %" PRId64 " s", result->retry_after_s);
    if (answered && strcmp(code, "RepoNotFound") == 0)
        meaning = ": there is no such model, or it is private";
    else if (answered && strcmp(code, "RevisionNotFound") == 0)
        meaning = ": the model has no such revision";
    else if (answered && strcmp(code, "GatedRepo") == 0)
        meaning = ": the model is gated";
    error_set(error, AKI_MODEL_DOWNLOAD_FAILED, "cannot download '%s' (%s) from %s: %s%s%s", session->id,
              file, result->host, result->cause, meaning, wait);
    set_hint(session, result, error);
    return AKI_MODEL_DOWNLOAD_FAILED;
}

aki_status download_retry(download_session *session, const char *file, const transfer_result *result,
                          unsigned failures, aki_error *error)
{
    const hub_settings *settings = session->settings;
    if (failures >= settings->attempts || !worth_retrying(result))
        return download_failed(session, file, result, error);
    int64_t delay_ms = retry_delay_ms(failures, settings->retry_delay_ms, retry_random());
    if (result->retry_after_s * 1000 > delay_ms)
        delay_ms = result->retry_after_s * 1000;
    log_write(&settings->log, AKI_LOG_WARN, "hub", "%s from %s: %s; trying again in %" PRId64 " ms", file,
              result->host, result->cause, delay_ms);
    if (!retry_wait(settings, delay_ms))
        return error_set(error, AKI_CANCELLED, "the download of '%s' was cancelled", session->id);
    return AKI_OK;
}

uint64_t download_size_limit(const char *file)
{
    static const char weights[] = ".safetensors";
    size_t length = strlen(file), end = sizeof weights - 1;
    bool is_weights = length >= end && strcmp(file + length - end, weights) == 0;
    return is_weights ? DOWNLOAD_WEIGHTS_BYTES_MAX : DOWNLOAD_SMALL_BYTES_MAX;
}
