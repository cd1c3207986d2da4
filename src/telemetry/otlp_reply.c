#include "telemetry/otlp_reply.h"

#include "telemetry/otlp.pb-c.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX_BYTES 5
#define DETAILS_MAX 4096
#define RETRY_INFO "type.googleapis.com/google.rpc.RetryInfo"
#define RETRY_AFTER_MAX_S 86400
#define MESSAGE_SHOWN 120 /* bytes of a collector's words in the log */

enum grpc_code {
    GRPC_OK = 0,
    GRPC_UNKNOWN = 2,
    GRPC_RESOURCE_EXHAUSTED = 8,
    GRPC_UNAVAILABLE = 14,
    GRPC_CODES = 17
};

static const char *const code_names[GRPC_CODES] = {
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

static bool is_retryable(long code)
{
    switch (code) {
    case 1:  /* CANCELLED */
    case 4:  /* DEADLINE_EXCEEDED */
    case 10: /* ABORTED */
    case 11: /* OUT_OF_RANGE */
    case GRPC_UNAVAILABLE:
    case 15: /* DATA_LOSS */
        return true;
    default:
        return false;
    }
}

static void begin(otlp_reply *reply)
{
    *reply = (otlp_reply){.outcome = OTLP_REFUSED, .retry_after_ms = -1};
}

/* Words of a collector, without what would spoil a line of the log. */
static void show(char *out, size_t room, const char *text)
{
    size_t used = 0;
    for (; *text != '\0' && used + 1 < room && used < MESSAGE_SHOWN; text++)
        out[used++] = *text >= ' ' && *text <= '~' ? *text : ' ';
    out[used] = '\0';
}

/* message: of an ExportTraceServiceResponse or its like; one that cannot be read says nothing. */
static void accept_partly(otlp_reply *reply, const uint8_t *message, size_t length)
{
    reply->outcome = OTLP_ACCEPTED;
    Otlp__ExportServiceResponse *response = otlp__export_service_response__unpack(NULL, length, message);
    if (response == NULL)
        return;
    const Otlp__ExportPartialSuccess *partial = response->partial_success;
    if (partial != NULL && partial->rejected > 0)
        reply->rejected = (uint64_t)partial->rejected;
    if (partial != NULL && partial->error_message != NULL)
        show(reply->cause, sizeof reply->cause, partial->error_message);
    otlp__export_service_response__free_unpacked(response, NULL);
}

void otlp_reply_http(otlp_reply *reply, long status, const char *content_type, const uint8_t *body,
                     size_t length, int64_t retry_after_s)
{
    static const char protobuf[] = "application/x-protobuf";
    begin(reply);
    if (status >= 200 && status <= 299) {
        const bool readable =
            content_type != NULL && strncmp(content_type, protobuf, sizeof protobuf - 1) == 0;
        accept_partly(reply, body, readable ? length : 0);
        return;
    }
    if (status == 429 || status == 502 || status == 503 || status == 504)
        reply->outcome = OTLP_RETRY;
    if (retry_after_s > 0)
        reply->retry_after_ms =
            (retry_after_s < RETRY_AFTER_MAX_S ? retry_after_s : RETRY_AFTER_MAX_S) * 1000;
    snprintf(reply->cause, sizeof reply->cause, "HTTP status %ld", status);
}

/* Base64, with or without padding, into out: [3 * DETAILS_MAX / 4]; the number of bytes, or -1. */
static int decode_details(const char *details, uint8_t *out)
{
    char padded[DETAILS_MAX + 4];
    size_t length = strlen(details), missing = 0;
    if (length > DETAILS_MAX)
        return -1;
    memcpy(padded, details, length);
    while (length > 0 && padded[length - 1] == '=') /* counted anew */
        length--;
    for (; (length + missing) % 4 != 0; missing++)
        padded[length + missing] = '=';
    const int bytes = EVP_DecodeBlock(out, (const unsigned char *)padded, (int)(length + missing));
    return missing < 3 && bytes >= (int)missing ? bytes - (int)missing : -1;
}

/* When the details say to come back, in ms; -1 when they do not. */
static int64_t retry_delay_ms(const char *details)
{
    uint8_t bytes[3 * DETAILS_MAX / 4 + 4];
    int64_t delay = -1;
    const int length = details != NULL ? decode_details(details, bytes) : -1;
    Otlp__RpcStatus *status = length >= 0 ? otlp__rpc_status__unpack(NULL, (size_t)length, bytes) : NULL;
    for (size_t i = 0; status != NULL && i < status->n_details && delay < 0; i++) {
        const Otlp__Any *any = status->details[i];
        if (strcmp(any->type_url, RETRY_INFO) != 0)
            continue;
        Otlp__RetryInfo *info = otlp__retry_info__unpack(NULL, any->value.len, any->value.data);
        const Otlp__Duration *said = info != NULL ? info->retry_delay : NULL;
        if (said != NULL && said->seconds >= 0 && said->nanos >= 0)
            delay = said->seconds < RETRY_AFTER_MAX_S ? said->seconds * 1000 + said->nanos / 1000000
                                                      : INT64_C(1000) * RETRY_AFTER_MAX_S;
        if (info != NULL)
            otlp__retry_info__free_unpacked(info, NULL);
    }
    if (status != NULL)
        otlp__rpc_status__free_unpacked(status, NULL);
    return delay;
}

/* gRPC status of a reply that has none, after gRPC's document "HTTP to gRPC Status Code Mapping". */
static long code_of_http(long status)
{
    return status == 429 || status == 502 || status == 503 || status == 504 ? GRPC_UNAVAILABLE : GRPC_UNKNOWN;
}

/* A gRPC server's reply that ends before the status. libcurl 7.88 makes that of a whole reply too, when the connection ends with
 * it, as where a collector is stopped: it does not hand out the trailers. */
static bool is_cut_short(long http_status, const grpc_trailers *trailers)
{
    static const char grpc[] = "application/grpc";
    return http_status == 200 && trailers->status == NULL && trailers->content_type != NULL &&
           strncmp(trailers->content_type, grpc, sizeof grpc - 1) == 0;
}

static bool read_code(const char *text, long *code)
{
    char *end;
    errno = 0;
    *code = strtol(text, &end, 10);
    return end != text && *end == '\0' && errno == 0 && *code >= 0;
}

void otlp_reply_grpc(otlp_reply *reply, long http_status, const grpc_trailers *trailers, const uint8_t *body,
                     size_t length)
{
    long code;
    begin(reply);
    if (trailers->status == NULL || !read_code(trailers->status, &code)) {
        if (is_retryable(code_of_http(http_status)) || is_cut_short(http_status, trailers))
            reply->outcome = OTLP_RETRY;
        snprintf(reply->cause, sizeof reply->cause, "HTTP status %ld without a gRPC status", http_status);
        return;
    }
    if (code == GRPC_OK) {
        /* A compressed reply was not asked for. */
        const bool readable = length >= PREFIX_BYTES && body[0] == 0;
        accept_partly(reply, readable ? body + PREFIX_BYTES : body, readable ? length - PREFIX_BYTES : 0);
        return;
    }
    reply->retry_after_ms = retry_delay_ms(trailers->details);
    if (is_retryable(code) || (code == GRPC_RESOURCE_EXHAUSTED && reply->retry_after_ms >= 0))
        reply->outcome = OTLP_RETRY;
    char words[MESSAGE_SHOWN + 1] = "";
    if (trailers->message != NULL)
        show(words, sizeof words, trailers->message);
    snprintf(reply->cause, sizeof reply->cause, "gRPC status %ld %s%s%s", code,
             code < GRPC_CODES ? code_names[code] : "", words[0] != '\0' ? ": " : "", words);
}

void otlp_reply_none(otlp_reply *reply, bool may_pass, const char *cause)
{
    begin(reply);
    if (may_pass)
        reply->outcome = OTLP_RETRY;
    show(reply->cause, sizeof reply->cause, cause);
}
