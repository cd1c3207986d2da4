#include "http/page_guard.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

bool page_guard_is_form_type(const char *content_type)
{
    static const char *const types[] = {"application/x-www-form-urlencoded", "multipart/form-data",
                                        "text/plain"};
    const size_t length = strcspn(content_type, "; \t");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strlen(types[i]) == length && strncasecmp(types[i], content_type, length) == 0)
            return true;
    return false;
}

const char *page_guard_refusal(const http_request *request, bool changes, bool over_loopback)
{
    const char *type = http_request_header(request, "Content-Type"),
               *host = http_request_header(request, "Host");
    if (http_request_header(request, "Origin") != NULL)
        return "the request has an Origin, as those of web pages have, and the admin port serves none";
    if (changes && type != NULL && page_guard_is_form_type(type))
        return "the request's Content-Type is one that any web page's form can send: leave it out, or "
               "send application/json";
    if (changes && over_loopback && host != NULL && host_header_is_domain(host))
        return "the request came over the loopback interface for a domain's name, which a web page could "
               "have made to mean this machine: use localhost or an IP address";
    return NULL;
}

#define DIGITS "0123456789"
#define HEX_DIGITS DIGITS "abcdefABCDEF"
#define UNRESERVED_AND_DELIMITERS DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-._~!$&'()*+,;="

/* The length of the host, without the port; 0 where the value has none. */
static size_t host_length(const char *value)
{
    if (value[0] == '[') {
        const size_t inside = strspn(value + 1, UNRESERVED_AND_DELIMITERS ":");
        return inside > 0 && value[1 + inside] == ']' ? inside + 2 : 0;
    }
    size_t length = 0;
    for (;;) {
        length += strspn(value + length, UNRESERVED_AND_DELIMITERS);
        if (value[length] != '%')
            return length;
        if (strspn(value + length + 1, HEX_DIGITS) < 2)
            return 0;
        length += 3;
    }
}

bool host_header_valid(const char *value)
{
    if (value[0] == '\0')
        return true;
    const size_t length = host_length(value);
    if (length == 0)
        return false;
    const char *port = value + length;
    return port[0] == '\0' || (port[0] == ':' && port[1 + strspn(port + 1, DIGITS)] == '\0');
}

bool host_header_is_domain(const char *value)
{
    static const char local[] = "localhost";
    const size_t bytes = sizeof local - 1;
    size_t length = value[0] == '[' ? 0 : host_length(value);
    if (length > 0 && value[length - 1] == '.')
        length--;
    if (memchr(value, '.', length) == NULL || strspn(value, DIGITS ".") >= length)
        return false;
    return length <= bytes || value[length - bytes - 1] != '.' ||
           strncasecmp(value + length - bytes, local, bytes) != 0;
}

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
