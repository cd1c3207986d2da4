#include "telemetry/otlp_client.h"

#include "base/clock.h"
#include "base/curl_share.h"
#include "base/error.h"
#include "base/memory.h"

#include <curl/curl.h>
#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define USER_AGENT "OTel-OTLP-Exporter-akidb-embed/" AKI_VERSION
#define REPLY_MAX_BYTES ((size_t)64 << 10) /* what is longer says nothing that is needed */
#define FIELD_MAX_BYTES ((size_t)8 << 10)

struct otlp_client {
    const otlp_target *target;
    CURLSH *kept; /* connections, TLS sessions and addresses, from one message to the next */
    CURL *curl;   /* of the last message */
    struct curl_slist *headers;
    _Atomic int64_t hurry_ns; /* 0 = no hurry */
    /* of the attempt under way */
    int64_t deadline_ns;
    buf reply;
    buf status, message, details; /* gRPC's trailers */
};

static size_t take_body(char *data, size_t size, size_t count, void *cookie)
{
    otlp_client *c = cookie;
    const size_t bytes = size * count, room = REPLY_MAX_BYTES - c->reply.length;
    buf_append(&c->reply, data, bytes < room ? bytes : room);
    return bytes; /* the rest is let go */
}

/* The value of a header line with this name, trimmed, into `out`. */
static void take_field(const char *line, size_t length, const char *name, buf *out)
{
    const size_t name_length = strlen(name);
    if (length <= name_length || strncasecmp(line, name, name_length) != 0 || line[name_length] != ':')
        return;
    const char *begin = line + name_length + 1, *end = line + length;
    while (begin < end && (*begin == ' ' || *begin == '\t'))
        begin++;
    while (end > begin && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' '))
        end--;
    buf_clear(out);
    buf_append(out, begin, (size_t)(end - begin));
}

/* Headers and, at the end, trailers. */
static size_t take_header(char *line, size_t size, size_t count, void *cookie)
{
    otlp_client *c = cookie;
    take_field(line, size * count, "grpc-status", &c->status);
    take_field(line, size * count, "grpc-message", &c->message);
    take_field(line, size * count, "grpc-status-details-bin", &c->details);
    return size * count;
}

/* libcurl asks at least once a second. A gRPC status ends a call: libcurl would spin until the timeout where the message is not
 * all sent by then. */
static int is_over(void *cookie, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const otlp_client *client = cookie;
    (void)a, (void)b, (void)c, (void)d;
    if (client->target->grpc && client->status.length > 0)
        return true;
    const int64_t hurry_ns = atomic_load(&client->hurry_ns), now_ns = clock_monotonic_ns();
    return now_ns > client->deadline_ns || (hurry_ns != 0 && now_ns > hurry_ns);
}

static bool add_header(otlp_client *c, const char *name, const char *value)
{
    char line[FIELD_MAX_BYTES];
    if ((size_t)snprintf(line, sizeof line, "%s: %s", name, value) >= sizeof line)
        return false;
    struct curl_slist *longer = curl_slist_append(c->headers, line);
    if (longer == NULL)
        return false;
    c->headers = longer;
    return true;
}

static bool add_headers(otlp_client *c)
{
    const otlp_target *t = c->target;
    char timeout[40];
    bool added = add_header(c, "User-Agent", USER_AGENT) && add_header(c, "Expect", "");
    if (t->grpc) {
        /* At most eight digits: milliseconds are enough for a day. */
        snprintf(timeout, sizeof timeout, "%lldm",
                 (long long)(t->timeout_ms < 99999999 ? t->timeout_ms : 99999999));
        added = added && add_header(c, "Content-Type", "application/grpc+proto") &&
                add_header(c, "TE", "trailers") && add_header(c, "grpc-timeout", timeout) &&
                add_header(c, "grpc-accept-encoding", "identity") &&
                (!t->gzip || add_header(c, "grpc-encoding", "gzip"));
    } else {
        added = added && add_header(c, "Content-Type", "application/x-protobuf") &&
                (!t->gzip || add_header(c, "Content-Encoding", "gzip"));
    }
    for (size_t i = 0; i < t->headers.count && added; i++)
        added = add_header(c, t->headers.items[i].name, t->headers.items[i].value);
    return added;
}

static aki_status check_headers(const otlp_target *t, aki_error *error)
{
    for (size_t i = 0; i < t->headers.count; i++) {
        const name_value *header = &t->headers.items[i];
        const size_t length = strlen(header->name) + strlen(header->value) + sizeof ": ";
        if (length <= FIELD_MAX_BYTES)
            continue;
        const aki_status status =
            error_set(error, AKI_INVALID_ARGUMENT, "header %.100s has %zu bytes, at most %zu can be sent",
                      header->name, length - 1, FIELD_MAX_BYTES - 1);
        error_hint(error, "Shorten it in OTEL_EXPORTER_OTLP_HEADERS, or in the one for this signal.");
        return status;
    }
    return AKI_OK;
}

static bool set_options(otlp_client *c)
{
    const otlp_target *t = c->target;
    CURL *curl = c->curl;
    CURLcode code = curl_easy_setopt(curl, CURLOPT_SHARE, c->kept);
    code |= curl_easy_setopt(curl, CURLOPT_URL, t->url);
    code |= curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    code |= curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    code |= curl_easy_setopt(curl, CURLOPT_POST, 1L);
    code |= curl_easy_setopt(curl, CURLOPT_HTTPHEADER, c->headers);
    code |= curl_easy_setopt(curl, CURLOPT_HTTP_VERSION,
                             (long)(t->grpc ? CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE : CURL_HTTP_VERSION_2TLS));
    code |= curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    code |= curl_easy_setopt(curl, CURLOPT_WRITEDATA, c);
    code |= curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    code |= curl_easy_setopt(curl, CURLOPT_HEADERDATA, c);
    code |= curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, is_over);
    code |= curl_easy_setopt(curl, CURLOPT_XFERINFODATA, c);
    code |= curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    /* libcurl 7.88 fails every second request of an HTTP/2 connection made with prior knowledge (CURLE_HTTP2). */
    code |= curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, (long)t->grpc);
    if (t->certificate != NULL)
        code |= curl_easy_setopt(curl, CURLOPT_CAINFO, t->certificate);
    if (t->client_certificate != NULL)
        code |= curl_easy_setopt(curl, CURLOPT_SSLCERT, t->client_certificate);
    if (t->client_key != NULL)
        code |= curl_easy_setopt(curl, CURLOPT_SSLKEY, t->client_key);
    return code == CURLE_OK;
}

/* Opens a new handle for each message. libcurl 7.88, used again after one reply, writes into its freed headers where the next
 * reply begins with a continuation line. */
static bool renew_handle(otlp_client *c)
{
    curl_easy_cleanup(c->curl);
    c->curl = curl_easy_init();
    return c->curl != NULL && set_options(c);
}

aki_status otlp_client_open(otlp_client **out, const otlp_target *target, aki_error *error)
{
    *out = NULL;
    const aki_status status = check_headers(target, error);
    if (status != AKI_OK)
        return status;
    otlp_client *c = mem_zalloc(1, sizeof *c);
    if (c == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for telemetry");
    c->target = target;
    buf_init(&c->reply, REPLY_MAX_BYTES);
    buf_init(&c->status, FIELD_MAX_BYTES);
    buf_init(&c->message, FIELD_MAX_BYTES);
    buf_init(&c->details, FIELD_MAX_BYTES);
    /* libcurl does not notice when OpenSSL found no memory to begin with, and would crash in it. */
    if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK && OSSL_LIB_CTX_get0_global_default() != NULL)
        c->kept = curl_share_open();
    if (c->kept == NULL || !add_headers(c) || !renew_handle(c)) {
        otlp_client_close(c);
        return error_set(error, AKI_OUT_OF_MEMORY, "cannot prepare libcurl for telemetry");
    }
    *out = c;
    return AKI_OK;
}

void otlp_client_close(otlp_client *c)
{
    if (c == NULL)
        return;
    curl_easy_cleanup(c->curl);
    curl_share_cleanup(c->kept);
    curl_slist_free_all(c->headers);
    buf_free(&c->reply);
    buf_free(&c->status);
    buf_free(&c->message);
    buf_free(&c->details);
    mem_free(c);
}

void otlp_client_hurry(otlp_client *c, int64_t deadline_ns)
{
    atomic_store(&c->hurry_ns, deadline_ns);
}

/* Failures of the network and of the other side; what this side has wrong, a damaged certificate file say, stays wrong. */
static bool may_pass(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_ABORTED_BY_CALLBACK:
        return true;
    default:
        return false;
    }
}

static const char *text_or_null(const buf *b)
{
    return b->length > 0 ? b->data : NULL;
}

static void read_reply(otlp_client *c, otlp_reply *reply)
{
    long status = 0;
    char *type = NULL;
    curl_off_t retry_after = 0;
    const uint8_t *body = (const uint8_t *)c->reply.data;
    curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(c->curl, CURLINFO_CONTENT_TYPE, &type);
    curl_easy_getinfo(c->curl, CURLINFO_RETRY_AFTER, &retry_after);
    const grpc_trailers trailers = {text_or_null(&c->status), text_or_null(&c->message),
                                    text_or_null(&c->details), type};
    if (c->target->grpc)
        otlp_reply_grpc(reply, status, &trailers, body, c->reply.length);
    else
        otlp_reply_http(reply, status, type, body, c->reply.length, retry_after);
}

void otlp_client_send(otlp_client *c, const buf *body, int64_t deadline_ns, otlp_reply *reply)
{
    char detail[CURL_ERROR_SIZE] = "";
    const int64_t left_ms = (deadline_ns - clock_monotonic_ns()) / NS_PER_MS;
    buf_clear(&c->reply);
    buf_clear(&c->status);
    buf_clear(&c->message);
    buf_clear(&c->details);
    c->deadline_ns = deadline_ns;
    if (left_ms <= 0) {
        otlp_reply_none(reply, true, "no time left");
        return;
    }
    if (!renew_handle(c)) {
        otlp_reply_none(reply, true, "no memory for libcurl");
        return;
    }
    const long timeout_ms = (long)(left_ms < c->target->timeout_ms ? left_ms : c->target->timeout_ms);
    curl_easy_setopt(c->curl, CURLOPT_TIMEOUT_MS, timeout_ms);
    curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, body->data);
    curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->length);
    curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, detail);
    const CURLcode code = curl_easy_perform(c->curl);
    curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, NULL);
    /* A gRPC server may answer before it has read all: its word counts. */
    if (code == CURLE_OK || c->status.length > 0)
        read_reply(c, reply);
    else
        otlp_reply_none(reply, may_pass(code), detail[0] != '\0' ? detail : curl_easy_strerror(code));
}
