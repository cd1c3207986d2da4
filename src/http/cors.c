#include "http/cors.h"

#include <string.h>

#define ALLOWED_METHODS "GET, HEAD, POST"
/* The headers that a request may have, and those of replies that a script may read. docs/API.md lists both; a test
 * compares them. */
#define ALLOWED_HEADERS                                                                                      \
    "api-key, authorization, baggage, content-encoding, content-type, grpc-timeout, "                        \
    "inference-header-content-length, openai-beta, "                                                         \
    "traceparent, tracestate, x-api-key, x-model, x-priority, x-request-id, x-request-timeout-ms, "          \
    "x-stainless-arch, x-stainless-async, x-stainless-custom-poll-interval, x-stainless-helper-method, "     \
    "x-stainless-lang, x-stainless-os, x-stainless-package-version, x-stainless-poll-helper, "               \
    "x-stainless-raw-response, x-stainless-read-timeout, x-stainless-retry-count, x-stainless-runtime, "     \
    "x-stainless-runtime-version, x-stainless-timeout"
#define EXPOSED_HEADERS                                                                                      \
    "accept-encoding, allow, inference-header-content-length, retry-after, retry-after-ms, server-timing, "  \
    "www-authenticate, "                                                                                     \
    "x-akidb-served-by, x-ratelimit-limit-requests, x-ratelimit-limit-tokens, "                              \
    "x-ratelimit-remaining-requests, x-ratelimit-remaining-tokens, x-ratelimit-reset-requests, "             \
    "x-ratelimit-reset-tokens, x-request-id"
#define PREFLIGHT_SECONDS "600"

bool cors_allows(const char *list, const char *origin)
{
    if (list == NULL || origin == NULL || origin[0] == '\0')
        return false;
    size_t length = strlen(origin);
    for (const char *at = list; *at != '\0';) {
        at += strspn(at, ", ");
        size_t word = strcspn(at, ", ");
        if ((word == 1 && *at == '*') || (word == length && memcmp(at, origin, length) == 0))
            return true;
        at += word;
    }
    return false;
}

void cors_add_headers(const char *list, const http_request *request, http_reply *reply)
{
    if (list == NULL)
        return;
    http_reply_add(reply, "Vary", "Origin");
    const char *origin = http_request_header(request, "Origin");
    if (!cors_allows(list, origin))
        return;
    http_reply_add(reply, "Access-Control-Allow-Origin", strcmp(list, "*") == 0 ? list : origin);
    http_reply_add(reply, "Access-Control-Expose-Headers", EXPOSED_HEADERS);
}

bool cors_is_preflight(const char *list, const http_request *request)
{
    return strcmp(http_request_method(request), "OPTIONS") == 0 &&
           http_request_header(request, "Access-Control-Request-Method") != NULL &&
           cors_allows(list, http_request_header(request, "Origin"));
}

void cors_begin_leave(http_reply *reply)
{
    http_reply_init(reply, 204);
    http_reply_add(reply, "Access-Control-Allow-Methods", ALLOWED_METHODS);
    http_reply_add(reply, "Access-Control-Allow-Headers", ALLOWED_HEADERS);
    http_reply_add(reply, "Access-Control-Max-Age", PREFLIGHT_SECONDS);
}
