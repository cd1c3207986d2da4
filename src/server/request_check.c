#include "server/request_check.h"

#include "grpc/methods.h"
#include "http/page_guard.h"
#include "http/request.h"
#include "server/handlers.h"
#include "server/memory_promise.h"
#include "server/routes.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Room for any path, which may hold a model's name. */
#define PATH_BYTES (HTTP_MAX_TARGET_BYTES + 1)

static const char *header(const exchange *x, const char *name)
{
    return exchange_header(x, name);
}

static void fail(exchange *x, http_error_code code, const char *message)
{
    x->failed = true;
    http_error_set(&x->error, code, NULL, "%s", message);
}

static void copy_path(const exchange *x, char path[PATH_BYTES])
{
    size_t length;
    const char *begin = http_request_path(&x->stream->request, &length);
    snprintf(path, PATH_BYTES, "%.*s", (int)length, begin);
}

static bool has_trailers(const api_operation *api)
{
    return api != NULL && api->dialect->write_trailers != NULL;
}

/* Errors of a path have the form of its dialect. gRPC's is for who speaks gRPC, and then also where there is no such path. */
static void choose_form(exchange *x, const char *path)
{
    const http_request *request = &x->stream->request;
    const bool speaks = request->version == HTTP_VERSION_2 &&
                        grpc_is_media_type(http_request_header(request, "content-type"));
    x->api = routes_api(path, http_request_method(request));
    if (x->api == NULL && speaks && x->kind == METRIC_ROUTE_OTHER)
        x->api = &grpc_unknown;
    else if (has_trailers(x->api) && !speaks)
        x->api = NULL;
}

void request_check_kind(exchange *x)
{
    char path[PATH_BYTES];
    copy_path(x, path);
    x->kind = routes_kind(path);
    choose_form(x, path);
}

/* OPTIONS for the server as a whole (RFC 9110 section 9.3.7). */
static void answer_options(exchange *x)
{
    http_reply reply;
    http_reply_init(&reply, 204);
    http_reply_add(&reply, "Allow", "GET, HEAD, POST, OPTIONS");
    exchange_send(x, &reply);
}

static void answer_preflight(exchange *x)
{
    http_reply reply;
    cors_begin_leave(&reply);
    exchange_send(x, &reply);
}

static const route options_route = {"OPTIONS",      "*",  "what the server takes", 0, METRIC_ROUTE_OTHER,
                                    answer_options, NULL, ROUTE_EVERYWHERE};

static const route preflight_route = {"OPTIONS",
                                      "*",
                                      "leave for a page's script to send another request",
                                      0,
                                      METRIC_ROUTE_OTHER,
                                      answer_preflight,
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
    if (x->owner->keys == NULL || x->admin || (x->route != NULL && x->route->roles == 0))
        return;
    const bool bare = x->api != NULL && x->api->dialect->bare_key;
    const char *key = api_keys_of_request(&x->stream->request, bare);
    unsigned roles = 0;
    if (key != NULL && api_keys_find(x->owner->keys, key, x->client_name, &roles)) {
        x->client = client_number(x->client_name);
        if (x->route != NULL && (roles & x->route->roles) == 0)
            fail(x, HTTP_ERROR_ROLE_MISSING, role_missing(x->route->roles));
        return;
    }
    fail(x, HTTP_ERROR_UNAUTHORIZED,
         key != NULL ? "the API key is not one of this service's" : "the request has no API key");
}

/* A route that the caller may not see is answered as one that does not exist, whatever the method. */
static void find_route(exchange *x, const char *method, const char *path)
{
    const char *others = NULL;
    const route *found = routes_find(method, path, &x->allow);
    const route *named = found != NULL ? found : routes_find("GET", path, &others);
    if (named == NULL)
        named = routes_find("POST", path, &others);
    if (named != NULL && !routes_visible(named, x->owner, x->admin)) {
        x->allow = NULL;
        return;
    }
    x->route = found != NULL ? page_route_choose(x, found) : NULL;
}

/* The admin port asks for no key. */
static void keep_pages_out(exchange *x)
{
    if (!x->admin || x->failed)
        return;
    const bool changes = x->route != NULL && strcmp(x->route->method, "POST") == 0;
    const char *why = page_guard_refusal(&x->stream->request, changes,
                                         changes && http_stream_came_over_loopback(x->stream));
    if (why != NULL)
        fail(x, HTTP_ERROR_WEB_PAGE_REFUSED, why);
}

/* The end of a path that is a route, for clients whose base URL has one part too many ("/v2/v2/rerank"); NULL = there is none. */
static const char *route_within(const exchange *x, const char *method, const char *path)
{
    const char *others;
    for (const char *end = strchr(path + 1, '/'); end != NULL && end[1] != '\0'; end = strchr(end + 1, '/')) {
        const route *found = routes_find(method, end, &others);
        if (found != NULL && routes_visible(found, x->owner, x->admin))
            return end;
    }
    return NULL;
}

static void refuse_route(exchange *x, const char *method, const char *path)
{
    const char *within = path[0] == '/' ? route_within(x, method, path) : NULL;
    x->failed = true;
    if (!http_method_exists(method))
        http_error_set(&x->error, HTTP_ERROR_NOT_IMPLEMENTED, NULL, "there is no method %.32s", method);
    else if (x->allow != NULL)
        http_error_set(&x->error, HTTP_ERROR_METHOD_NOT_ALLOWED, NULL, "%.200s takes %s, not %.32s", path,
                       x->allow, method);
    else if (within != NULL)
        http_error_set(
            &x->error, HTTP_ERROR_NOT_FOUND, NULL,
            "there is no route %.32s %.200s, but there is %.200s: the client's base URL has %.*s too "
            "many",
            method, path, within, (int)(within - path < 200 ? within - path : 200), path);
    else
        http_error_set(&x->error, HTTP_ERROR_NOT_FOUND, NULL, "there is no route %.32s %.200s", method, path);
}

static void check_route(exchange *x)
{
    char path[PATH_BYTES];
    const char *method = http_request_method(&x->stream->request);
    copy_path(x, path);
    x->kind = routes_kind(path);
    choose_form(x, path);
    find_route(x, method, path);
    if (x->route == NULL && x->allow != NULL &&
        cors_is_preflight(x->owner->settings.cors_origins, &x->stream->request))
        x->route = &preflight_route;
    if (x->route == NULL && strcmp(path, "*") == 0)
        x->route = &options_route;
    if (x->route != NULL) {
        x->kind = x->route->metric;
        route_path_value(x->route->path, path, x->model, sizeof x->model);
    }
    check_key(x);
    keep_pages_out(x);
    if (x->route == NULL && !x->failed)
        refuse_route(x, method, path);
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

/* Checks a head by gRPC's rules (grpc/grpc doc/PROTOCOL-HTTP2.md). */
static void check_grpc(exchange *x)
{
    const char *type = header(x, "Content-Type"), *te = header(x, "te");
    if (!has_trailers(x->route->api))
        return;
    if (x->stream->request.version != HTTP_VERSION_2)
        fail(x, HTTP_ERROR_VERSION, "the path is a call of gRPC, which takes HTTP/2");
    else if (!grpc_is_media_type(type)) {
        x->failed = true;
        http_error_set(&x->error, HTTP_ERROR_UNSUPPORTED_MEDIA_TYPE, NULL,
                       "the path is a call of gRPC, whose Content-Type is " GRPC_MEDIA_TYPE
                       ", not %s%.100s%s",
                       type != NULL ? "\"" : "missing", type != NULL ? type : "", type != NULL ? "\"" : "");
    } else if (te == NULL || strcasecmp(te, "trailers") != 0)
        fail(x, HTTP_ERROR_BAD_REQUEST,
             "the header te: trailers is missing: a proxy on the way may drop trailers");
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
static void check_room(exchange *x, uint64_t length)
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
    } else if (x->use != NULL && scheduler_admits(exchange_scheduler(x), &least, &error) != AKI_OK) {
        x->failed = true;
        http_error_from(&x->error, &error);
    }
}

/* Routes that suspend need the model, and room for their work. While the service drains they are served: who sends them has
 * not learnt of it yet. Of several models, the body says which: then only what holds for the whole service is asked here. A stream does not wait for
 * its model, that of the header x-model or else the default, and has it until it ends. */
static void check_phase(exchange *x, uint64_t length)
{
    const server *s = x->owner;
    int64_t retry_ms;
    aki_error error;
    if (model_set_count(s->models) > 1 && x->route->stream == NULL) {
        if (atomic_load(&s->opened))
            check_room(x, length);
        else
            fail(x, HTTP_ERROR_LOADING, "the models are about to be loaded");
        return;
    }
    const char *name = x->route->stream != NULL ? exchange_header_model(x) : NULL;
    const model_answer answer =
        model_set_acquire(s->models, name, x->route->stream != NULL, &x->use, &retry_ms, &error);
    if (answer == MODEL_ACQUIRED) {
        check_room(x, length);
    } else if (answer == MODEL_UNKNOWN) {
        x->failed = true;
        exchange_unknown_model(x, name, NULL, &x->error);
    } else if (answer == MODEL_REFUSED && name != NULL && error.status != AKI_CANCELLED) {
        x->failed = true;
        x->retry_ms = retry_ms;
        http_error_set(&x->error, HTTP_ERROR_MODEL_FAILED, NULL, "the model could not be loaded: %s",
                       error.message);
    } else if (server_phase_now(s) == SERVER_DRAINING) {
        fail(x, HTTP_ERROR_SHUTTING_DOWN, "the service is shutting down");
    } else {
        fail(x, HTTP_ERROR_LOADING, "the model is still being loaded");
    }
}

bool request_check_headers(exchange *x)
{
    const uint64_t length = x->stream->request.body_bytes;
    check_route(x);
    if (!x->failed)
        check_grpc(x);
    if (!x->failed && strcmp(x->route->method, "POST") == 0 && x->route->resume != NULL)
        check_body_headers(x, length);
    if (!x->failed && x->route->resume != NULL)
        check_timeout(x);
    if (!x->failed && x->route->resume != NULL)
        check_priority(x);
    if (!x->failed && x->route->resume != NULL && (x->route->api == NULL || !x->route->api->without_model))
        check_phase(x, length);
    const char *expect = header(x, "Expect");
    return x->failed &&
           (length > MAX_DISCARDED_BYTES || (expect != NULL && strcasecmp(expect, "100-continue") == 0));
}
