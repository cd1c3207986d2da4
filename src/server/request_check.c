#include "server/request_check.h"

#include "server/admin_guard.h"
#include "server/cors.h"
#include "server/host_header.h"
#include "server/memory_promise.h"
#include "server/request_head.h"
#include "server/request_timeout.h"
#include "server/routes.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_HEADERS 100
#define MAX_TARGET_BYTES 8192

static const char *header(const exchange *x, const char *name)
{
    return MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, name);
}

static void fail(exchange *x, http_error_code code, const char *message)
{
    x->failed = true;
    http_error_set(&x->error, code, NULL, "%s", message);
}

/* Refuses a request that may be read in two ways, and closes the connection: what follows on it must not be read as
 * another request. */
static void fail_and_close(exchange *x, const char *message)
{
    fail(x, HTTP_ERROR_BAD_REQUEST, message);
    x->closes = true;
}

/* What decides where a body ends, over all headers. */
typedef struct framing {
    request_head head;
    unsigned headers, lengths, encodings, hosts;
    bool odd_name;
} framing;

static bool is_token(const char *name)
{
    static const char characters[] = "!#$%&'*+-.^_`|~0123456789"
                                     "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    return name[0] != '\0' && name[strspn(name, characters)] == '\0';
}

/* Cuts off blanks behind a value, which are no part of it (RFC 9110 section 5.5) but which the library leaves there.
 * The value is cut in the connection's memory, once for every reader. Connection is left as it is, because the
 * library remembers its length. */
static void cut_blanks(const char *name, const char *value, size_t length)
{
    if (value[length] != '\0' && strcasecmp(name, "Connection") != 0)
        ((char *)(uintptr_t)value)[length] = '\0';
}

static enum MHD_Result look_at_header(void *cookie, enum MHD_ValueKind kind, const char *key,
                                      const char *value)
{
    (void)kind;
    framing *f = cookie;
    cut_blanks(key, value, request_head_add(&f->head, key, value));
    f->headers++;
    f->hosts += strcasecmp(key, "Host") == 0;
    f->lengths += strcasecmp(key, "Content-Length") == 0;
    f->encodings += strcasecmp(key, "Transfer-Encoding") == 0;
    f->odd_name = f->odd_name || !is_token(key);
    return MHD_YES;
}

static size_t head_bytes(const exchange *x)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return info != NULL ? info->header_size : 0;
}

/* From 1.0.0 on the library splits heads in another way, and handles folded lines itself. */
static bool library_splits_in_place(void)
{
    return strncmp(MHD_get_version(), "0.", 2) == 0;
}

/* Refuses a request where the end of head or body may be read in two ways: request smuggling past a proxy works by
 * that. */
static bool end_in_doubt(exchange *x, const framing *f)
{
    const char *encoding = header(x, "Transfer-Encoding");
    if (f->head.fault != NULL && library_splits_in_place())
        fail_and_close(x, f->head.fault);
    else if (f->odd_name)
        fail_and_close(x, "a header's name holds characters that names cannot have, like a space");
    else if (f->lengths > 1)
        fail_and_close(x, "the header Content-Length is there more than once");
    else if (f->encodings > 0 && f->lengths > 0)
        fail_and_close(x, "Content-Length and Transfer-Encoding exclude each other");
    else if (f->encodings > 1 || (encoding != NULL && strcasecmp(encoding, "chunked") != 0))
        fail_and_close(x, "the only Transfer-Encoding taken is chunked");
    return x->failed;
}

static void check_protocol(exchange *x, const framing *f, const char *version)
{
    const size_t bytes = head_bytes(x), limit = x->owner->settings.max_header_bytes;
    const char *host = header(x, "Host");
    if (bytes > limit) {
        x->failed = true;
        http_error_set(&x->error, HTTP_ERROR_HEADERS_TOO_LARGE, NULL,
                       "request line and headers have %zu bytes; at most %zu are taken", bytes, limit);
    } else if (strcmp(version, "HTTP/1.1") == 0 && host == NULL) {
        fail_and_close(x, "the header Host is missing, which HTTP/1.1 demands");
    } else if (f->hosts > 1) {
        fail_and_close(x, "the header Host is there more than once");
    } else if (host != NULL && !host_header_valid(host)) {
        fail_and_close(x, "the header Host must be a name or an address, and a port where need be");
    } else if (f->headers > MAX_HEADERS) {
        x->failed = true;
        http_error_set(&x->error, HTTP_ERROR_HEADERS_TOO_LARGE, NULL, "%u headers; at most %d are taken",
                       f->headers, MAX_HEADERS);
    } else if (x->target_bytes > MAX_TARGET_BYTES) {
        x->failed = true;
        http_error_set(&x->error, HTTP_ERROR_TARGET_TOO_LONG, NULL,
                       "the request's target has %zu bytes; at most %d are taken", x->target_bytes,
                       MAX_TARGET_BYTES);
    }
}

/* The path of "http://host/path", a form that every server must understand; other targets as they are. */
static const char *path_of(const char *target)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        const size_t length = strlen(schemes[i]);
        if (strncasecmp(target, schemes[i], length) == 0) {
            const char *path = strchr(target + length, '/');
            return path != NULL ? path : "/";
        }
    }
    return target;
}

static const route preflight_route = {"OPTIONS",
                                      "*",
                                      "leave for a page's script to send another request",
                                      0,
                                      METRIC_ROUTE_OTHER,
                                      cors_answer_preflight,
                                      NULL,
                                      ROUTE_NOT_ADMIN,
                                      NULL};

/* FNV-1a (Fowler, Noll, Vo) of the key's name: the same over all reloads. */
static uint64_t client_number(const char *name)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (const char *at = name; *at != '\0'; at++)
        hash = (hash ^ (unsigned char)*at) * UINT64_C(0x100000001b3);
    return hash;
}

/* wanted: the roles of a route, which needs one of them, or any key. */
static const char *role_missing(unsigned wanted)
{
    switch (wanted) {
#define API_ROLE_CASE(symbol, name, bit)                                                                     \
    case bit:                                                                                                \
        return "the API key has not the role " name ", which this route needs";
        API_ROLES(API_ROLE_CASE)
#undef API_ROLE_CASE
    default:
        return "the API key has none of the roles that this route needs";
    }
}

/* The API key is asked for before anything is told about routes. */
static void check_key(exchange *x)
{
    static const char scheme[] = "Bearer ";
    static const char azure[] = "api-key";
    if (x->owner->keys == NULL || x->admin || (x->route != NULL && x->route->roles == 0))
        return;
    const char *key = header(x, "x-api-key"), *authorization = header(x, "Authorization");
    if (key == NULL && authorization != NULL && strncasecmp(authorization, scheme, sizeof scheme - 1) == 0)
        key = authorization + sizeof scheme - 1;
    else if (key == NULL && authorization != NULL && x->api != NULL && x->api->dialect->bare_key)
        key = authorization;
    if (key == NULL)
        key = header(x, azure);
    unsigned roles = 0;
    if (key != NULL && api_keys_find(x->owner->keys, key + strspn(key, " "), x->client_name, &roles)) {
        x->client = client_number(x->client_name);
        if (x->route != NULL && (roles & x->route->roles) == 0)
            fail(x, HTTP_ERROR_ROLE_MISSING, role_missing(x->route->roles));
        return;
    }
    fail(x, HTTP_ERROR_UNAUTHORIZED,
         key != NULL ? "the API key is not one of this service's" : "the request has no API key");
}

/* What is not there for who asks is unknown to them, whatever the method. */
static void find_route(exchange *x, const char *method, const char *path)
{
    const char *others = NULL;
    const route *found = routes_find(method, path, &x->allow);
    const route *named = found != NULL      ? found
                         : x->allow != NULL ? routes_find(x->allow, path, &others)
                                            : NULL;
    if (named != NULL && !routes_visible(named, x->admin, x->owner->keys != NULL)) {
        x->allow = NULL;
        return;
    }
    x->route = found;
}

static void check_route(exchange *x, const char *method, const char *url)
{
    find_route(x, method, path_of(url));
    if (x->route == NULL && x->allow != NULL && cors_is_preflight(x, method))
        x->route = &preflight_route;
    if (x->route != NULL) {
        x->kind = x->route->metric;
        routes_model(x->route, path_of(url), x->model, sizeof x->model);
    }
    check_key(x);
    admin_guard_check(x);
    if (x->route != NULL || x->failed)
        return;
    x->failed = true;
    if (x->allow != NULL)
        http_error_set(&x->error, HTTP_ERROR_METHOD_NOT_ALLOWED, NULL, "%.200s takes %s, not %.32s", url,
                       x->allow, method);
    else
        http_error_set(&x->error, HTTP_ERROR_NOT_FOUND, NULL, "there is no route %.32s %.200s", method, url);
}

static bool is_json(const char *content_type)
{
    static const char json[] = "application/json";
    size_t length = sizeof json - 1;
    if (content_type == NULL || strncasecmp(content_type, json, length) != 0)
        return false;
    char next = content_type[length];
    return next == '\0' || next == ';' || next == ' ' || next == '\t';
}

static void check_body_headers(exchange *x, uint64_t length)
{
    const char *type = header(x, "Content-Type"), *encoding = header(x, "Content-Encoding");
    size_t limit = x->owner->settings.max_body_bytes;
    x->failed = true;
    x->gzip = encoding != NULL && (strcasecmp(encoding, "gzip") == 0 || strcasecmp(encoding, "x-gzip") == 0);
    if (!is_json(type) && (x->api == NULL || !x->api->dialect->any_media_type))
        http_error_set(&x->error, HTTP_ERROR_UNSUPPORTED_MEDIA_TYPE, NULL,
                       "the body's Content-Type is %s%.100s%s", type != NULL ? "\"" : "missing",
                       type != NULL ? type : "", type != NULL ? "\"" : "");
    else if (encoding != NULL && !x->gzip && strcasecmp(encoding, "identity") != 0)
        http_error_set(&x->error, HTTP_ERROR_UNSUPPORTED_ENCODING, NULL,
                       "bodies with Content-Encoding \"%.100s\" are not taken", encoding);
    else if (length > limit)
        http_error_set(&x->error, HTTP_ERROR_BODY_TOO_LARGE, NULL,
                       "the body has %llu bytes; at most %zu are taken", (unsigned long long)length, limit);
    else
        x->failed = false;
}

/* The caller's own deadline. */
static void check_timeout(exchange *x)
{
    static const struct {
        const char *name, *wanted;
        bool (*parse)(const char *text, int64_t *timeout_ns);
        bool lenient; /* a client's library sends it, not the caller: another value is passed over */
    } rows[] = {
        {"x-request-timeout-ms", "a whole number of milliseconds from 1 to 999999999, like 2500",
         request_timeout_parse_ms, false},
        {"grpc-timeout", "at most 8 digits and a unit (H, M, S, m, u or n), like 2500m",
         request_timeout_parse_grpc, false},
        {"x-stainless-read-timeout", "seconds, like 600 or 2.5", request_timeout_parse_seconds, true}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0] && !x->failed; i++) {
        const char *text = header(x, rows[i].name);
        int64_t timeout_ns;
        if (text == NULL)
            continue;
        const bool parsed = rows[i].parse(text, &timeout_ns);
        if (!parsed && rows[i].lenient)
            continue;
        if (!parsed) {
            x->failed = true;
            http_error_set(&x->error, HTTP_ERROR_BAD_REQUEST, NULL, "the header %s must be %s, not \"%.64s\"",
                           rows[i].name, rows[i].wanted, text);
        } else if (timeout_ns < INT64_MAX - x->arrived_ns &&
                   (x->caller_deadline_ns == 0 || timeout_ns < x->caller_deadline_ns - x->arrived_ns)) {
            x->caller_deadline_ns = x->arrived_ns + timeout_ns;
        }
    }
}

static void check_priority(exchange *x)
{
    const char *text = header(x, "x-priority");
    if (text == NULL || strcmp(text, "auto") == 0)
        x->priority = SCHEDULER_PRIORITY_AUTO;
    else if (strcmp(text, "interactive") == 0)
        x->priority = SCHEDULER_PRIORITY_INTERACTIVE;
    else if (strcmp(text, "bulk") == 0)
        x->priority = SCHEDULER_PRIORITY_BULK;
    else {
        x->failed = true;
        http_error_set(&x->error, HTTP_ERROR_BAD_REQUEST, NULL,
                       "the header x-priority must be auto, interactive or bulk, not \"%.64s\"", text);
    }
}

/* While there is no room for any text, the body need not come. */
static void check_room(exchange *x, scheduler *work, uint64_t length)
{
    const scheduler_submission least = {.count = 1,
                                        .priority = x->priority,
                                        .client = x->client,
                                        .begin_by_ns = x->deadline_ns,
                                        .deadline_ns = x->caller_deadline_ns};
    aki_error error;
    if (exchange_replies_pile_up(x->owner)) {
        fail(x, HTTP_ERROR_OVERLOADED, "too many replies wait for clients to read them");
    } else if (!memory_promise_body(x, (size_t)length)) {
        x->failed = true;
    } else if (scheduler_admits(work, &least, &error) != AKI_OK) {
        x->failed = true;
        http_error_from(&x->error, &error);
    }
}

/* Routes that suspend need the model, and room for their work. While the service drains they are served: who sends them has
 * not learnt of it yet. */
static void check_phase(exchange *x, uint64_t length)
{
    scheduler *work = atomic_load(&x->owner->scheduler);
    if (work == NULL && server_phase_now(x->owner) == SERVER_DRAINING)
        fail(x, HTTP_ERROR_SHUTTING_DOWN, "the service is shutting down");
    else if (work == NULL)
        fail(x, HTTP_ERROR_LOADING, "the model is still being loaded");
    else
        check_room(x, work, length);
}

bool request_check_headers(exchange *x, const char *method, const char *url, const char *version)
{
    framing f = {0};
    x->kind = routes_kind(path_of(url));
    x->api = routes_api(path_of(url), method);
    request_head_begin(&f.head, method, url, x->target_bytes, version);
    MHD_get_connection_values(x->connection, MHD_HEADER_KIND, look_at_header, &f);
    request_head_end(&f.head, method + head_bytes(x));
    if (end_in_doubt(x, &f))
        return true;
    x->chunked = f.encodings > 0;
    const char *announced = header(x, "Content-Length");
    uint64_t length = announced != NULL ? strtoull(announced, NULL, 10) : 0;
    x->body_bytes = length;
    check_protocol(x, &f, version);
    if (!x->failed)
        check_route(x, method, url);
    if (!x->failed && strcmp(x->route->method, "POST") == 0 && x->route->resume != NULL)
        check_body_headers(x, length);
    if (!x->failed && x->route->resume != NULL)
        check_timeout(x);
    if (!x->failed && x->route->resume != NULL)
        check_priority(x);
    if (!x->failed && x->route->resume != NULL)
        check_phase(x, length);
    const char *expect = header(x, "Expect");
    return x->failed &&
           (length > MAX_DISCARDED_BYTES || (expect != NULL && strcasecmp(expect, "100-continue") == 0));
}

void request_check_trailers(exchange *x)
{
    framing f = {0};
    if (x->failed || !x->chunked)
        return;
    request_head_begin_trailers(&f.head);
    MHD_get_connection_values(x->connection, MHD_FOOTER_KIND, look_at_header, &f);
    x->closes = x->closes || (request_head_trailers_in_doubt(&f.head) && library_splits_in_place());
    if (f.head.fault != NULL && library_splits_in_place())
        fail_and_close(x, f.head.fault);
    else if (f.odd_name)
        fail_and_close(x, "a trailer's name holds characters that names cannot have, like a space");
}
