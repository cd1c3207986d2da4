#include "server/exchange.h"

#include "base/clock.h"
#include "base/memory.h"
#include "server/client.h"
#include "server/cors.h"
#include "server/low_water.h"
#include "server/memory_promise.h"
#include "server/request_check.h"
#include "server/request_log.h"
#include "server/request_trace.h"
#include "server/server_metrics.h"

#include <stdio.h>
#include <string.h>

#define MAX_ERROR_BYTES ((size_t)16 << 10)
/* Bodies buffered at once over all connections: this many of the largest, or the floor. */
#define HELD_BODIES 8
#define HELD_FLOOR_BYTES ((size_t)64 << 20)
/* Replies held at once over all connections, beyond which no new work is taken. */
#define MAX_HELD_REPLY_BYTES ((size_t)256 << 20)
/* Before the least rate of a body is asked for. */
#define BODY_GRACE_MS 5000
/* Retry-After where nothing better is known. */
#define RETRY_MS 1000

/* The body must be there before the request's time is over, never pause for as long as an idle connection may, and after a
 * while come at the least rate. */
static void watch_body(const exchange *x)
{
    int64_t silent_ns = clock_monotonic_ns() + x->owner->settings.idle_timeout_ms * NS_PER_MS;
    int64_t until_ns = x->deadline_ns < silent_ns ? x->deadline_ns : silent_ns;
    size_t rate = x->owner->settings.min_body_rate;
    if (rate > 0) {
        int64_t slowest_ns = x->arrived_ns + BODY_GRACE_MS * NS_PER_MS +
                             (int64_t)((double)x->body_seen / (double)rate * NS_PER_S);
        until_ns = slowest_ns < until_ns ? slowest_ns : until_ns;
    }
    connection_watch_set(x->watched, WATCH_BODY, until_ns);
}

static exchange *exchange_open(server *s, struct MHD_Connection *connection, const char *method)
{
    exchange *x = mem_zalloc(1, sizeof *x);
    if (x == NULL)
        return NULL;
    x->owner = s;
    x->connection = connection;
    x->arrived_ns = clock_monotonic_ns();
    x->deadline_ns = x->arrived_ns + s->settings.request_timeout_ms * NS_PER_MS;
    snprintf(x->method, sizeof x->method, "%.*s", (int)sizeof x->method - 1, method);
    const client *c = client_of(connection);
    x->watched = c != NULL ? c->watched : NULL;
    x->target_bytes = c != NULL ? c->target_bytes : 0;
    x->admin = c != NULL && c->admin;
    buf_init(&x->body, s->settings.max_body_bytes);
    pthread_mutex_lock(&s->lock);
    s->requests++;
    pthread_mutex_unlock(&s->lock);
    return x;
}

void exchange_release_body(exchange *x)
{
    buf_free(&x->body);
    atomic_fetch_sub(&x->owner->body_bytes, x->body_held);
    x->body_held = 0;
}

void exchange_on_completed(void *cookie, struct MHD_Connection *connection, void **context,
                           enum MHD_RequestTerminationCode how)
{
    (void)connection;
    server *s = cookie;
    exchange *x = *context;
    if (x == NULL)
        return;
    *context = NULL;
    /* The library may end a resumed connection without asking for the reply. */
    connection_watch_forget(x->watched);
    const bool whole = how == MHD_REQUEST_TERMINATED_COMPLETED_OK;
    x->ended_ns = clock_monotonic_ns();
    request_log_end(x, whole);
    server_metrics_end(x, whole);
    request_trace_end(x, whole);
    connection_watch_set(x->watched, WATCH_HEADERS, x->ended_ns + s->settings.idle_timeout_ms * NS_PER_MS);
    exchange_release_body(x);
    api_call_free(&x->call);
    memory_promise_end(x);
    buf_free(&x->reply);
    atomic_fetch_sub(&s->reply_bytes, x->reply_held);
    scheduler_request_free(x->work);
    mem_free(x);
    pthread_mutex_lock(&s->lock);
    if (--s->requests == 0)
        pthread_cond_broadcast(&s->idle);
    pthread_mutex_unlock(&s->lock);
}

static void fail_body(exchange *x, http_error_code code, const char *message)
{
    x->failed = true;
    http_error_set(&x->error, code, NULL, "%s", message);
    exchange_release_body(x);
}

static void keep_body(exchange *x, const char *data, size_t size)
{
    server *s = x->owner;
    size_t limit = s->settings.max_body_bytes;
    if (x->body_seen > limit) {
        fail_body(x, HTTP_ERROR_BODY_TOO_LARGE, "");
        http_error_set(&x->error, HTTP_ERROR_BODY_TOO_LARGE, NULL,
                       "the body has more than the %zu bytes taken", limit);
        return;
    }
    if (!buf_append(&x->body, data, size)) {
        fail_body(x, HTTP_ERROR_OUT_OF_MEMORY, "no memory for the body");
        return;
    }
    size_t more = x->body.capacity - x->body_held;
    size_t most = limit * HELD_BODIES > HELD_FLOOR_BYTES ? limit * HELD_BODIES : HELD_FLOOR_BYTES;
    x->body_held += more;
    if (more > 0 && atomic_fetch_add(&s->body_bytes, more) + more > most)
        fail_body(x, HTTP_ERROR_OVERLOADED, "too many large bodies are being received at once");
    else if (more > 0 && !memory_promise_body(x, x->body.capacity)) {
        x->failed = true;
        exchange_release_body(x);
    }
}

/* Not with TLS, whose library may hold the beginning of a record of which less than that is to come. */
static void await_more(exchange *x)
{
    const uint64_t left = x->body_bytes > x->body_seen ? x->body_bytes - x->body_seen : 0;
    const size_t wanted = low_water_of_body(left, x->owner->settings.min_body_rate);
    if (wanted == (x->low_water > 0 ? x->low_water : 1))
        return;
    const union MHD_ConnectionInfo *secured =
        MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    if (secured != NULL && secured->tls_session != NULL)
        return;
    const int descriptor =
        MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    if (low_water_set(descriptor, wanted))
        x->low_water = wanted;
}

/* False when the sender is not worth waiting for any longer: too slow, or far beyond any limit. */
static bool take_body(exchange *x, const char *data, size_t size)
{
    x->body_seen += size;
    if (x->body_seen > MAX_DISCARDED_BYTES || clock_monotonic_ns() > x->deadline_ns)
        return false;
    watch_body(x);
    await_more(x);
    if (!x->failed && strcmp(x->route->method, "POST") == 0)
        keep_body(x, data, size);
    return true;
}

enum MHD_Result exchange_on_request(void *cookie, struct MHD_Connection *connection, const char *url,
                                    const char *method, const char *version, const char *data, size_t *size,
                                    void **context)
{
    server *s = cookie;
    exchange *x = *context;
    if (x == NULL) {
        x = exchange_open(s, connection, method);
        if (x == NULL)
            return MHD_queue_response(connection, MHD_HTTP_SERVICE_UNAVAILABLE, s->last_resort);
        *context = x;
        bool at_once = request_check_headers(x, method, url, version);
        request_id_choose(MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "x-request-id"),
                          x->request_id);
        server_metrics_begin(x);
        request_trace_begin(x);
        watch_body(x);
        return at_once ? exchange_fail(x) : MHD_YES;
    }
    if (*size > 0) {
        if (!take_body(x, data, *size))
            return MHD_NO;
        *size = 0;
        return MHD_YES;
    }
    connection_watch_set(x->watched, WATCH_WORK, INT64_MAX);
    if (x->suspended) {
        x->suspended = false;
        return x->route->resume(x);
    }
    request_check_trailers(x);
    return x->failed ? exchange_fail(x) : x->route->handle(x);
}

/* Nobody knows when an operator will let a device be called again. */
static int64_t device_wait_ms(scheduler *work)
{
    enum { SWITCHED_OFF_MS = 30000 };
    const int64_t ms = scheduler_device_wait_ms(work);
    return ms == INT64_MAX ? SWITCHED_OFF_MS : ms;
}

static void add_retry_after(const exchange *x, struct MHD_Response *response)
{
    scheduler *work = atomic_load(&x->owner->scheduler);
    int64_t ms = RETRY_MS;
    if (x->error.code == HTTP_ERROR_OVERLOADED && work != NULL)
        ms = scheduler_backlog_ms(work);
    else if (x->error.code == HTTP_ERROR_SERVICE_UNAVAILABLE && work != NULL)
        ms = device_wait_ms(work);
    retry_after after = jitter_retry_after(&x->owner->jitter, ms);
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)after.seconds);
    MHD_add_response_header(response, "Retry-After", text);
    snprintf(text, sizeof text, "%lld", (long long)after.ms);
    MHD_add_response_header(response, "retry-after-ms", text);
}

static void add_server_timing(const exchange *x, struct MHD_Response *response)
{
    char value[SERVER_TIMING_BYTES];
    request_facts_server_timing(&x->facts, &x->trace, clock_monotonic_ns() - x->arrived_ns, value);
    MHD_add_response_header(response, "server-timing", value);
}

static void add_headers(const exchange *x, unsigned status, struct MHD_Response *response)
{
    MHD_add_response_header(response, "x-request-id", x->request_id);
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, x->allow);
    if (status == MHD_HTTP_UNAUTHORIZED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer realm=\"akidb-embed\"");
    if (x->failed && x->error.code == HTTP_ERROR_UNSUPPORTED_ENCODING)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ACCEPT_ENCODING, "gzip");
    if (status == MHD_HTTP_SERVICE_UNAVAILABLE || status == MHD_HTTP_TOO_MANY_REQUESTS)
        add_retry_after(x, response);
    if (x->served_by != SCHEDULER_LEVEL_NONE)
        MHD_add_response_header(response, "x-akidb-served-by", scheduler_level_name(x->served_by));
    if (strcmp(x->method, MHD_HTTP_METHOD_POST) !=
        0) /* those to POST are kept by nobody who is not told to */
        MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (x->closes || server_phase_now(x->owner) == SERVER_DRAINING)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    for (size_t i = 0;
         x->api != NULL && x->api->dialect->headers != NULL && x->api->dialect->headers[i][0] != NULL; i++)
        MHD_add_response_header(response, x->api->dialect->headers[i][0], x->api->dialect->headers[i][1]);
    if (status == MHD_HTTP_OK && x->facts.texts > 0)
        add_server_timing(x, response);
    cors_add_headers(x, response);
}

enum MHD_Result exchange_send(exchange *x, unsigned status, struct MHD_Response *response)
{
    const server *s = x->owner;
    connection_watch_set(x->watched, WATCH_REPLY,
                         clock_monotonic_ns() + s->settings.write_timeout_ms * NS_PER_MS);
    if (response == NULL) {
        x->status = MHD_HTTP_SERVICE_UNAVAILABLE;
        return MHD_queue_response(x->connection, x->status, s->last_resort);
    }
    x->status = status;
    add_headers(x, status, response);
    x->facts.replied_ns = request_trace_now(x);
    enum MHD_Result queued = MHD_queue_response(x->connection, status, response);
    MHD_destroy_response(response);
    return queued;
}

enum MHD_Result exchange_reply(exchange *x, unsigned status, buf *body)
{
    size_t length = 0;
    char *data = buf_take(body, &length);
    buf_free(body);
    if (data != NULL) { /* large ones may wait for their reader: without the room that they grew into */
        char *exact = mem_realloc(data, length, 1);
        data = exact != NULL ? exact : data;
    }
    struct MHD_Response *response =
        data != NULL ? MHD_create_response_from_buffer_with_free_callback(length, data, mem_free) : NULL;
    if (response == NULL) {
        mem_free(data);
    } else {
        x->reply_held = length;
        atomic_fetch_add(&x->owner->reply_bytes, length);
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    }
    return exchange_send(x, status, response);
}

bool exchange_replies_pile_up(const server *s)
{
    return atomic_load(&s->reply_bytes) > MAX_HELD_REPLY_BYTES;
}

enum MHD_Result exchange_fail(exchange *x)
{
    exchange_release_body(x);
    server_metrics_error(x->owner, x->error.code);
    buf body;
    buf_init(&body, MAX_ERROR_BYTES);
    unsigned status = http_error_status(x->error.code);
    if (x->api != NULL) {
        const api_service service = service_api(x->owner);
        status = x->api->dialect->write_error(&x->error, &service, x->request_id, &body);
    } else {
        http_error_write(&x->error, &body);
    }
    return exchange_reply(x, status, &body);
}

void exchange_suspend(exchange *x)
{
    x->suspended = true;
    MHD_suspend_connection(x->connection);
}

void exchange_resume(exchange *x)
{
    MHD_resume_connection(x->connection);
}
