#include "hub/transfer.h"

#include "base/clock.h"
#include "base/curl_share.h"
#include "base/error.h"
#include "base/memory.h"

#include <curl/curl.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>

#define STALL_BYTES 1024 /* fewer than this within the stall time is a stall */
#define DROPPED_BODY_BYTES_MAX                                                                               \
    ((size_t)64 << 10) /* of an error page: then the connection is not worth keeping */
#define TOKEN_BYTES_MAX 4096

struct transfer {
    CURLSH *kept; /* connections, TLS sessions and addresses, from one request to the next */
    CURL *curl;   /* of the last request; NULL before the first */
    const hub_settings *settings;
};

/* The state of one request, over its redirects. */
typedef struct exchange {
    transfer *owner;
    transfer_result *result;
    const transfer_sink *sink; /* NULL for HEAD */
    bool begun;
    size_t header_bytes, dropped_bytes;
    uint64_t arrived, window_arrived;
    int64_t window_ns;
    bool sink_refused, headers_too_large, body_dropped, stalled, cancelled;
} exchange;

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void initialise_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static aki_status check_settings(const hub_settings *settings, aki_error *error)
{
    const char *endpoint = settings->endpoint;
    if (strncasecmp(endpoint, "https://", 8) != 0 && strncasecmp(endpoint, "http://", 7) != 0) {
        error_set(error, AKI_INVALID_ARGUMENT, "the hub's address (HF_ENDPOINT) is not an http or https URL");
        error_hint(error, "Set HF_ENDPOINT to something like https://huggingface.co, or unset it.");
        return AKI_INVALID_ARGUMENT;
    }
    const char *token = settings->token;
    bool usable = token == NULL || (token[0] != '\0' && strlen(token) <= TOKEN_BYTES_MAX);
    for (size_t i = 0; usable && token != NULL && token[i] != '\0'; i++)
        usable = token[i] > 0x20 && token[i] < 0x7F;
    if (!usable) {
        error_set(error, AKI_INVALID_ARGUMENT,
                  "the access token is empty, too long, or has characters other than visible ASCII");
        error_hint(error, "Correct HF_TOKEN or the token file; public models need none.");
        return AKI_INVALID_ARGUMENT;
    }
    return AKI_OK;
}

aki_status transfer_open(transfer **out, const hub_settings *settings, aki_error *error)
{
    *out = NULL;
    aki_status status = check_settings(settings, error);
    if (status != AKI_OK)
        return status;
    pthread_once(&curl_once, initialise_curl);
    /* libcurl does not notice when OpenSSL found no memory to begin with, and would crash in it. */
    if (OSSL_LIB_CTX_get0_global_default() == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for a download");
    transfer *t = mem_zalloc(1, sizeof *t);
    if (t == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for a download");
    t->settings = settings;
    t->kept = curl_share_open();
    if (t->kept == NULL) {
        mem_free(t);
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for a download");
    }
    *out = t;
    return AKI_OK;
}

void transfer_close(transfer *t)
{
    if (t == NULL)
        return;
    curl_easy_cleanup(t->curl);
    curl_share_cleanup(t->kept);
    mem_free(t);
}

/* ---- What libcurl calls during a request ---------------------------------------------------------------- */

static size_t on_header(char *line, size_t size, size_t count, void *cookie)
{
    exchange *x = cookie;
    size_t length = size * count;
    x->header_bytes += length;
    x->arrived += length;
    if (x->header_bytes > TRANSFER_HEADER_BYTES_MAX) {
        x->headers_too_large = true;
        return 0;
    }
    response_head_line(&x->result->head, line, length);
    return length;
}

static bool has_content(long status)
{
    return status == 200 || status == 206;
}

static bool begin_once(exchange *x)
{
    if (!x->begun) {
        x->begun = true;
        x->sink_refused = !x->sink->begin(x->sink->cookie, &x->result->head);
    }
    return !x->sink_refused;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *cookie)
{
    exchange *x = cookie;
    size_t length = size * count;
    x->arrived += length;
    if (x->sink == NULL || !has_content(x->result->head.status)) {
        x->dropped_bytes += length;
        x->body_dropped = x->dropped_bytes > DROPPED_BODY_BYTES_MAX;
        return x->body_dropped ? 0 : length;
    }
    if (!begin_once(x))
        return 0;
    x->sink_refused = !x->sink->write(x->sink->cookie, bytes, length);
    return x->sink_refused ? 0 : length;
}

/* Called at least once a second. Non-zero ends the request. */
static int on_tick(void *cookie, curl_off_t download_total, curl_off_t downloaded, curl_off_t upload_total,
                   curl_off_t uploaded)
{
    (void)download_total, (void)downloaded, (void)upload_total, (void)uploaded;
    exchange *x = cookie;
    const hub_settings *settings = x->owner->settings;
    if (settings->cancelled != NULL && settings->cancelled(settings->cookie)) {
        x->cancelled = true;
        return 1;
    }
    int64_t now_ns = clock_monotonic_ns();
    if (x->window_ns == 0 || x->arrived - x->window_arrived >= STALL_BYTES) {
        x->window_ns = now_ns;
        x->window_arrived = x->arrived;
    } else if (now_ns - x->window_ns > settings->stall_timeout_ms * NS_PER_MS) {
        x->stalled = true;
        return 1;
    }
    return 0;
}

/* ---- One request ------------------------------------------------------------------------------------------ */

/* Opens a new handle for each request. libcurl 7.88, used again after one answer, writes into its freed headers where the next
 * answer begins with a continuation line. */
static CURL *renew_handle(transfer *t)
{
    curl_easy_cleanup(t->curl);
    t->curl = curl_easy_init();
    return t->curl;
}

static CURLcode set_options(exchange *x, const char *url, uint64_t offset, struct curl_slist *headers)
{
    CURL *curl = x->owner->curl;
    const hub_settings *settings = x->owner->settings;
#define SET(option, value)                                                                                   \
    do {                                                                                                     \
        CURLcode code = curl_easy_setopt(curl, option, value);                                               \
        if (code != CURLE_OK)                                                                                \
            return code;                                                                                     \
    } while (0)
    SET(CURLOPT_SHARE, x->owner->kept);
    SET(CURLOPT_URL, url);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(CURLOPT_USERAGENT, "akidb-embed/" AKI_VERSION);
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)settings->connect_timeout_ms);
    SET(CURLOPT_QUICK_EXIT, 1L); /* a name server that does not answer must not hold up the end */
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, on_tick);
    SET(CURLOPT_XFERINFODATA, x);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, x);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, x);
    if (x->sink == NULL)
        SET(CURLOPT_NOBODY, 1L);
    if (offset > 0) {
        char range[32];
        snprintf(range, sizeof range, "%llu-", (unsigned long long)offset);
        SET(CURLOPT_RANGE, range);
    }
    if (settings->http_proxy != NULL && strncasecmp(url, "http://", 7) == 0)
        SET(CURLOPT_PROXY, settings->http_proxy); /* unless NO_PROXY excepts the host */
    if (settings->ca_file != NULL)
        SET(CURLOPT_CAINFO, settings->ca_file);
    if (settings->token != NULL && url_same_origin(url, settings->endpoint)) {
        SET(CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
        SET(CURLOPT_XOAUTH2_BEARER, settings->token);
    }
#undef SET
    return CURLE_OK;
}

static transfer_outcome outcome_of(const exchange *x, CURLcode code)
{
    if (x->cancelled)
        return TRANSFER_CANCELLED;
    if (x->stalled)
        return TRANSFER_STALLED;
    if (x->headers_too_large)
        return TRANSFER_NOT_USABLE;
    if (x->sink_refused)
        return TRANSFER_SINK_REFUSED;
    if (x->body_dropped)
        return TRANSFER_ANSWERED;
    switch (code) {
    case CURLE_OK:
        return TRANSFER_ANSWERED;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
        return TRANSFER_UNREACHABLE;
    case CURLE_OPERATION_TIMEDOUT: /* the only time limit given to libcurl is that for connecting */
        return TRANSFER_NO_ANSWER;
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_SSL_CONNECT_ERROR:
        return TRANSFER_CUT;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return TRANSFER_NOT_TRUSTED;
    case CURLE_OUT_OF_MEMORY:
        return TRANSFER_OUT_OF_MEMORY;
    default:
        return TRANSFER_NOT_USABLE;
    }
}

static void describe(const exchange *x, CURLcode code, const char *detail)
{
    transfer_result *r = x->result;
    long system_error = 0;
    curl_easy_getinfo(x->owner->curl, CURLINFO_OS_ERRNO, &system_error);
    if (x->stalled)
        snprintf(r->cause, sizeof r->cause, "less than %d bytes arrived within %.1f s", STALL_BYTES,
                 (double)x->owner->settings->stall_timeout_ms / 1000);
    else if (x->headers_too_large)
        snprintf(r->cause, sizeof r->cause, "the answer's headers exceed %zu bytes",
                 TRANSFER_HEADER_BYTES_MAX);
    else if (r->outcome == TRANSFER_ANSWERED)
        snprintf(r->cause, sizeof r->cause, "HTTP %ld%s%s%s", r->head.status,
                 r->head.error_code[0] != '\0' ? " (" : "", r->head.error_code,
                 r->head.error_code[0] != '\0' ? ")" : "");
    else if (code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_WEIRD_SERVER_REPLY)
        snprintf(r->cause, sizeof r->cause, "the answer is not HTTP");
    else if (code == CURLE_COULDNT_CONNECT && system_error != 0)
        snprintf(r->cause, sizeof r->cause, "cannot connect: %s", strerror((int)system_error));
    else
        snprintf(r->cause, sizeof r->cause, "%s", detail[0] != '\0' ? detail : curl_easy_strerror(code));
}

static void perform_once(exchange *x, const char *url, uint64_t offset)
{
    char detail[CURL_ERROR_SIZE] = "";
    CURL *curl = renew_handle(x->owner);
    x->window_ns = 0;
    struct curl_slist *headers = curl_slist_append(NULL, "Accept-Encoding: identity");
    CURLcode code =
        curl == NULL || headers == NULL ? CURLE_OUT_OF_MEMORY : set_options(x, url, offset, headers);
    if (code == CURLE_OK)
        code = curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
    if (code == CURLE_OK)
        code = curl_easy_perform(curl);
    if (code == CURLE_OK && x->sink != NULL && has_content(x->result->head.status))
        begin_once(x);
    x->result->outcome = outcome_of(x, code);
    url_host(url, x->result->host);
    describe(x, code, detail);
    curl_off_t retry_after = 0;
    if (curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_after) == CURLE_OK)
        x->result->retry_after_s = retry_after;
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL); /* these two live no longer than this call */
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
}

static bool is_redirect(long status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static void not_usable(transfer_result *result, const char *cause)
{
    result->outcome = TRANSFER_NOT_USABLE;
    snprintf(result->cause, sizeof result->cause, "%s", cause);
}

static void perform(exchange *x, const char *first_url, uint64_t offset)
{
    char url[URL_MAX];
    transfer_result *result = x->result;
    memset(result, 0, sizeof *result);
    response_head_init(&result->head);
    snprintf(url, sizeof url, "%s", first_url);
    for (int redirects = 0;; redirects++) {
        perform_once(x, url, offset);
        char *next = NULL; /* libcurl's, valid until the next request */
        if (result->outcome != TRANSFER_ANSWERED || !is_redirect(result->head.status) ||
            curl_easy_getinfo(x->owner->curl, CURLINFO_REDIRECT_URL, &next) != CURLE_OK || next == NULL)
            return;
        if (x->sink == NULL && !url_same_origin(url, next)) {
            url_origin(next, result->redirect_origin);
            return;
        }
        if (redirects == TRANSFER_REDIRECTS_MAX) {
            not_usable(result, "too many redirects");
            return;
        }
        if (strlen(next) >= sizeof url || (url_is_https(url) && !url_is_https(next))) {
            not_usable(result, strlen(next) >= sizeof url ? "redirected to an address that is too long"
                                                          : "redirected from https to something else");
            return;
        }
        memmove(url, next, strlen(next) + 1);
    }
}

void transfer_head(transfer *t, const char *url, transfer_result *result)
{
    exchange x = {.owner = t, .result = result};
    perform(&x, url, 0);
}

void transfer_get(transfer *t, const char *url, uint64_t offset, const transfer_sink *sink,
                  transfer_result *result)
{
    exchange x = {.owner = t, .result = result, .sink = sink};
    perform(&x, url, offset);
}

typedef struct origin {
    char *scheme, *host, *port; /* libcurl's memory */
} origin;

static void origin_free(origin *o)
{
    curl_free(o->scheme);
    curl_free(o->host);
    curl_free(o->port);
}

static bool origin_of(const char *url, origin *o)
{
    memset(o, 0, sizeof *o);
    CURLU *parsed = curl_url();
    if (parsed == NULL)
        return false;
    bool valid = curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
                 curl_url_get(parsed, CURLUPART_SCHEME, &o->scheme, 0) == CURLUE_OK &&
                 curl_url_get(parsed, CURLUPART_HOST, &o->host, 0) == CURLUE_OK &&
                 curl_url_get(parsed, CURLUPART_PORT, &o->port, CURLU_DEFAULT_PORT) == CURLUE_OK;
    curl_url_cleanup(parsed);
    if (!valid) {
        origin_free(o);
        memset(o, 0, sizeof *o);
    }
    return valid;
}

bool url_same_origin(const char *a, const char *b)
{
    origin first, second;
    bool same = origin_of(a, &first);
    if (origin_of(b, &second))
        same = same && strcasecmp(first.scheme, second.scheme) == 0 &&
               strcasecmp(first.host, second.host) == 0 && strcmp(first.port, second.port) == 0;
    else
        same = false;
    origin_free(&first);
    origin_free(&second);
    return same;
}

bool url_is_https(const char *url)
{
    origin o;
    const bool secure = origin_of(url, &o) && strcasecmp(o.scheme, "https") == 0;
    origin_free(&o);
    return secure;
}

void url_host(const char *url, char host[URL_HOST_MAX])
{
    origin o;
    if (!origin_of(url, &o)) {
        snprintf(host, URL_HOST_MAX, "?");
        return;
    }
    bool usual = (strcasecmp(o.scheme, "https") == 0 && strcmp(o.port, "443") == 0) ||
                 (strcasecmp(o.scheme, "http") == 0 && strcmp(o.port, "80") == 0);
    snprintf(host, URL_HOST_MAX, "%s%s%s", o.host, usual ? "" : ":", usual ? "" : o.port);
    origin_free(&o);
}

void url_origin(const char *url, char text[URL_ORIGIN_MAX])
{
    char host[URL_HOST_MAX];
    url_host(url, host);
    snprintf(text, URL_ORIGIN_MAX, "%s://%s", url_is_https(url) ? "https" : "http", host);
}

/* Appends `text` with everything but unreserved characters (and '/', where wanted) percent-encoded. */
static size_t append_encoded(char *url, size_t used, const char *text, bool keep_slashes)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (; *text != '\0' && used + 4 < URL_MAX; text++) {
        if (strchr(plain, *text) != NULL || (*text == '/' && keep_slashes))
            url[used++] = *text;
        else
            used += (size_t)snprintf(url + used, 4, "%%%02X", (unsigned)(unsigned char)*text);
    }
    url[used] = '\0';
    return used;
}

bool url_of_file(const char *endpoint, const char *id, const char *revision, const char *file,
                 char url[URL_MAX])
{
    size_t length = strlen(endpoint);
    while (length > 0 && endpoint[length - 1] == '/')
        length--;
    int written = snprintf(url, URL_MAX, "%.*s/%s/resolve/", (int)length, endpoint, id);
    if (written < 0 || written >= URL_MAX / 2)
        return false; /* the other half is more than an encoded revision and file name can take */
    size_t used = append_encoded(url, (size_t)written, revision, false);
    url[used++] = '/';
    append_encoded(url, used, file, true);
    return true;
}

#define SLICE_MS 100 /* how often a wait asks whether it is cancelled */

int64_t retry_delay_ms(unsigned failures, int64_t first_ms, uint32_t random)
{
    int64_t delay = first_ms > 0 ? first_ms : 0;
    for (unsigned i = 1; i < failures && delay > 0 && delay < RETRY_DELAY_MAX_MS; i++)
        delay *= 2;
    if (delay > RETRY_DELAY_MAX_MS)
        delay = RETRY_DELAY_MAX_MS;
    int64_t half = delay / 2;
    return delay - (int64_t)(((uint64_t)half * random) >> 32);
}

bool retry_status(long http_status)
{
    return http_status == 408 || http_status == 429 || (http_status >= 500 && http_status <= 599);
}

uint32_t retry_random(void)
{
    uint32_t bits;
    if (getrandom(&bits, sizeof bits, GRND_NONBLOCK) != (ssize_t)sizeof bits)
        bits = (uint32_t)clock_monotonic_ns(); /* early at boot; spreading clients needs no more */
    return bits;
}

bool retry_wait(const hub_settings *settings, int64_t ms)
{
    for (;;) {
        if (settings->cancelled != NULL && settings->cancelled(settings->cookie))
            return false;
        if (ms <= 0)
            return true;
        int64_t slice = ms < SLICE_MS ? ms : SLICE_MS;
        struct timespec wait = {.tv_nsec = (long)(slice * NS_PER_MS)};
        nanosleep(&wait, NULL); /* a signal may shorten it: the loop asks cancelled at once */
        ms -= slice;
    }
}
