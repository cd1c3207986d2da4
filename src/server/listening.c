#include "server/listening.h"

#include "api/http_error.h"
#include "base/clock.h"
#include "base/memory.h"
#include "http/request.h"
#include "server/exchange.h"
#include "server/memory_promise.h"
#include "server/message_stream.h"
#include "server/request_check.h"
#include "server/server_metrics.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define LOG_TARGET "server"
#define MAX_REFUSAL_BYTES 4096
/* Descriptors beside those of connections. */
#define OTHER_DESCRIPTORS 320

static const exchange_observer logging = {.ended = request_log_end};
static const exchange_observer counting = {
    .begun = server_metrics_begin, .failed = server_metrics_failed, .ended = server_metrics_end};
static const exchange_observer tracing = {
    .begun = request_trace_begin, .replied = request_trace_replied, .ended = request_trace_end};

static const exchange_observer *const server_observers[] = {&logging, &counting, &tracing, NULL};

/* A connection is a descriptor: the soft limit is raised towards what may be open, as far as the hard one allows. */
static void raise_descriptor_limit(const server *s)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)s->settings.max_connections + ADMIN_CONNECTIONS + OTHER_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < wanted)
        log_write(&s->settings.log, AKI_LOG_WARN, LOG_TARGET,
                  "at most %llu files may be open, which is less than the %u connections allowed",
                  (unsigned long long)limit.rlim_cur, s->settings.max_connections);
}

static void turn_away(void *cookie, http_refusal why, http_reply *reply)
{
    const way_in *way = cookie;
    const server_settings *settings = &way->owner->settings;
    http_error error;
    char id[REQUEST_ID_MAX + 1];
    buf body;
    if (way->admin)
        http_error_set(&error, HTTP_ERROR_TOO_MANY_CONNECTIONS, NULL,
                       "%d connections are open on the admin port, which is the limit", ADMIN_CONNECTIONS);
    else if (why == HTTP_REFUSED_ADDRESS)
        http_error_set(&error, HTTP_ERROR_TOO_MANY_CONNECTIONS, NULL,
                       "%u connections are open from your address, which is the limit",
                       settings->max_connections_per_address);
    else
        http_error_set(&error, HTTP_ERROR_TOO_MANY_CONNECTIONS, NULL,
                       "%u connections are open, which is the limit", settings->max_connections);
    if (!way->admin)
        server_metrics_connection_refused(way->owner);
    request_id_choose(NULL, id);
    buf_init(&body, MAX_REFUSAL_BYTES);
    reply->status = http_error_status(error.code);
    http_reply_add(reply, "Content-Type", "application/json");
    http_reply_add(reply, "x-request-id", id);
    http_reply_add(reply, "Retry-After", "1");
    http_reply_add(reply, "retry-after-ms", "1000");
    if (!http_error_write(&error, &body) || !http_reply_take_body(reply, &body))
        reply->fields.failed = true;
}

/* Takes over the sockets. */
static aki_status open_front(server *s, bool admin, listen_sockets *sockets, http_front **out,
                             aki_error *error)
{
    const server_settings *settings = &s->settings;
    way_in *way = admin ? &s->admin_way : &s->main_way;
    *way = (way_in){.owner = s, .admin = admin, .observers = server_observers};
    http_front_settings front = {.handler = {.turn_away = turn_away, .cookie = way},
                                 .threads = admin ? 1 : settings->http_threads,
                                 .tls = admin ? NULL : s->tls,
                                 .h2c = settings->h2c,
                                 .max_header_bytes = settings->max_header_bytes,
                                 .header_timeout_ms = settings->header_timeout_ms,
                                 .idle_timeout_ms = settings->idle_timeout_ms,
                                 .write_timeout_ms = settings->write_timeout_ms,
                                 .max_connections = admin ? ADMIN_CONNECTIONS : settings->max_connections,
                                 .max_connections_per_address =
                                     admin ? 0 : settings->max_connections_per_address,
                                 .log = settings->log};
    arrival_handle(&front.handler);
    return http_front_open(out, sockets, &front, error);
}

static aki_status open_sockets(const server *s, listen_sockets *sockets, aki_error *error)
{
    const server_settings *settings = &s->settings;
    aki_status status = AKI_OK;
    if (settings->inherited_count > 0)
        status = listen_sockets_adopt(sockets, settings->inherited, settings->inherited_count, error);
    else if (settings->host != NULL)
        status = listen_sockets_open(sockets, settings->host, settings->port, error);
    if (status == AKI_OK && settings->unix_socket != NULL)
        status = listen_sockets_add_unix(sockets, settings->unix_socket, settings->unix_socket_mode, error);
    return status;
}

static aki_status start_main(server *s, aki_error *error)
{
    listen_sockets sockets = {0};
    aki_status status = open_sockets(s, &sockets, error);
    if (status != AKI_OK)
        return status;
    s->port = sockets.port;
    raise_descriptor_limit(s);
    return open_front(s, false, &sockets, &s->front, error);
}

static aki_status start_admin(server *s, aki_error *error)
{
    const server_settings *settings = &s->settings;
    listen_sockets sockets = {0};
    aki_status status =
        settings->inherited_admin_count > 0
            ? listen_sockets_adopt(&sockets, settings->inherited_admin, settings->inherited_admin_count,
                                   error)
            : listen_sockets_open(&sockets, settings->admin_host, settings->admin_port, error);
    if (status != AKI_OK)
        return status;
    s->admin_port = sockets.port;
    return open_front(s, true, &sockets, &s->admin_front, error);
}

aki_status listening_start(server *s, aki_error *error)
{
    aki_status status = AKI_OK;
    if (s->settings.admin_host != NULL || s->settings.inherited_admin_count > 0)
        status = start_admin(s, error);
    return status == AKI_OK ? start_main(s, error) : status;
}

void listening_stop(server *s)
{
    http_front_stop_listening(s->front);
}

void listening_close(server *s)
{
    http_front_close(s->front);
    http_front_close(s->admin_front);
    s->front = s->admin_front = NULL;
}

/* Before the least rate of a body is asked for. */
#define BODY_GRACE_MS 5000
#define OUT_OF_MEMORY_BODY                                                                                   \
    "{\"error\":{\"message\":\"memory ran out. Send fewer or shorter texts at once, or retry after the "     \
    "time given in "                                                                                         \
    "Retry-After.\",\"type\":\"unavailable_error\",\"param\":null,\"code\":\"out_of_memory\"}}\n"

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
    http_stream_set_deadline(x->stream, until_ns);
}

static exchange *open_exchange(const way_in *way, http_stream *stream)
{
    server *s = way->owner;
    exchange *x = mem_zalloc(1, sizeof *x);
    if (x == NULL)
        return NULL;
    x->owner = s;
    x->observers = way->observers;
    x->stream = stream;
    x->admin = way->admin;
    x->arrived_ns = clock_monotonic_ns();
    x->deadline_ns = x->arrived_ns + s->settings.request_timeout_ms * NS_PER_MS;
    snprintf(x->method, sizeof x->method, "%.*s", (int)sizeof x->method - 1,
             http_request_method(&stream->request));
    buf_init(&x->body, s->settings.max_body_bytes);
    pthread_mutex_lock(&s->lock);
    s->requests++;
    pthread_mutex_unlock(&s->lock);
    stream->context = x;
    return x;
}

static void on_end(void *cookie, http_stream *stream, bool whole)
{
    (void)cookie;
    exchange *x = stream->context;
    if (x == NULL)
        return;
    server *s = x->owner;
    http_stream_forget(stream);
    x->ended_ns = clock_monotonic_ns();
    EXCHANGE_TELL(x, ended, x, whole);
    exchange_release_body(x);
    if (x->messages != NULL)
        x->route->stream->end(x);
    model_release(s->models, x->use, x->call.keeps_model ? x->call.keep_alive_ms : MODEL_KEEP_UNCHANGED);
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
    const size_t limit = x->owner->settings.max_body_bytes;
    if (x->body_seen > limit) {
        fail_body(x, HTTP_ERROR_BODY_TOO_LARGE, "");
        http_error_set(&x->error, HTTP_ERROR_BODY_TOO_LARGE, NULL,
                       "the body has more than the %zu bytes allowed", limit);
        return;
    }
    if (!buf_append(&x->body, data, size)) {
        fail_body(x, HTTP_ERROR_OUT_OF_MEMORY, "no memory for the body");
        return;
    }
    const size_t more = x->body.capacity - x->body_held;
    if (!exchange_hold_more(x, more) || (more > 0 && !memory_promise_body(x, x->body.capacity))) {
        x->failed = true;
        exchange_release_body(x);
    }
}

/* A client that streams may wait for the reply before it ends its body; over HTTP/2 it need not be read away first, and only gRPC
 * has dialects with trailers. */
static bool tells_at_once(const exchange *x)
{
    return !x->stream->request.announced && x->api != NULL && x->api->dialect->write_trailers != NULL;
}

static void on_body(void *cookie, http_stream *stream, const char *data, size_t size)
{
    (void)cookie;
    exchange *x = stream->context;
    x->body_seen += size;
    if (x->messages != NULL) {
        x->route->stream->body(x, data, size);
        return;
    }
    /* The sender is not worth waiting for any longer: too slow, or far beyond any limit. */
    if (x->body_seen > MAX_DISCARDED_BYTES || clock_monotonic_ns() > x->deadline_ns) {
        http_stream_abort(stream);
        return;
    }
    watch_body(x);
    if (!x->failed && strcmp(x->route->method, "POST") == 0)
        keep_body(x, data, size);
    if (x->failed && tells_at_once(x))
        exchange_fail(x);
}

/* The HTTP reader refused the request: replies with its fault, and ends the connection. */
static void take_fault(exchange *x, const http_fault *fault)
{
    static const http_error_code codes[] = {[HTTP_FAULT_NONE] = HTTP_ERROR_BAD_REQUEST,
                                            [HTTP_FAULT_MALFORMED] = HTTP_ERROR_BAD_REQUEST,
                                            [HTTP_FAULT_HEAD_TOO_LARGE] = HTTP_ERROR_HEADERS_TOO_LARGE,
                                            [HTTP_FAULT_TARGET_TOO_LONG] = HTTP_ERROR_TARGET_TOO_LONG,
                                            [HTTP_FAULT_NOT_IMPLEMENTED] = HTTP_ERROR_NOT_IMPLEMENTED,
                                            [HTTP_FAULT_VERSION] = HTTP_ERROR_VERSION};
    x->failed = x->closes = true;
    http_error_set(&x->error, codes[fault->kind], NULL, "%s", fault->message);
}

static void on_head(void *cookie, http_stream *stream, const http_fault *fault)
{
    const way_in *way = cookie;
    exchange *x = open_exchange(way, stream);
    if (x == NULL) {
        http_stream_reply_out_of_memory(stream);
        return;
    }
    bool at_once = false;
    if (fault != NULL) {
        request_check_kind(x);
        take_fault(x, fault);
    } else {
        at_once = request_check_headers(x);
    }
    request_id_choose(exchange_header(x, "x-request-id"), x->request_id);
    EXCHANGE_TELL(x, begun, x);
    if (x->failed && (at_once || (fault == NULL && tells_at_once(x))))
        exchange_fail(x);
    else if (!x->failed && x->route->stream != NULL)
        x->route->stream->begin(x);
    else
        watch_body(x);
}

static void on_complete(void *cookie, http_stream *stream, const http_fault *fault)
{
    (void)cookie;
    exchange *x = stream->context;
    x->complete = fault == NULL;
    if (fault != NULL)
        take_fault(x, fault);
    if (x->failed && x->messages == NULL)
        exchange_fail(x);
    else
        x->route->handle(x);
}

static void on_resumed(void *cookie, http_stream *stream)
{
    (void)cookie;
    exchange *x = stream->context;
    x->route->resume(x);
}

static void on_drained(void *cookie, http_stream *stream)
{
    (void)cookie;
    exchange *x = stream->context;
    x->route->stream->drained(x);
}

static void on_late(void *cookie, http_stream *stream)
{
    (void)cookie;
    exchange *x = stream->context;
    x->route->stream->late(x);
}

void arrival_handle(http_handler *handler)
{
    handler->head = on_head;
    handler->body = on_body;
    handler->complete = on_complete;
    handler->resumed = on_resumed;
    handler->drained = on_drained;
    handler->late = on_late;
    handler->end = on_end;
    handler->out_of_memory = OUT_OF_MEMORY_BODY;
}

#define ROUND_MS 10

static void pause_ms(int64_t ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * NS_PER_MS};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

bool drain_wait(server *s, int64_t timeout_ms)
{
    int64_t until_ns = clock_monotonic_ns() + timeout_ms * NS_PER_MS;
    struct timespec until = {.tv_sec = until_ns / NS_PER_S, .tv_nsec = until_ns % NS_PER_S};
    pthread_mutex_lock(&s->lock);
    while (s->requests > 0 && pthread_cond_timedwait(&s->idle, &s->lock, &until) != ETIMEDOUT)
        ;
    bool finished = s->requests == 0;
    pthread_mutex_unlock(&s->lock);
    return finished;
}

/* A client may send its next request on a kept connection before it learns that the service ends. Such a request is
 * still served, and its reply closes the connection. Connections on which nothing has come are closed. */
static void finish_connections(const server *s, int64_t until_ns)
{
    http_front_drain(s->front);
    while (http_front_connections(s->front) > 0 && clock_monotonic_ns() < until_ns)
        pause_ms(ROUND_MS);
}

bool drain_run(server *s)
{
    atomic_store(&s->phase, SERVER_DRAINING);
    message_streams_wake(s);
    if (s->settings.drain_delay_ms > 0)
        pause_ms(s->settings.drain_delay_ms);
    const int64_t until_ns = clock_monotonic_ns() + s->settings.drain_timeout_ms * NS_PER_MS;
    listening_stop(s);
    atomic_store(&s->ending, true);
    message_streams_wake(s);
    finish_connections(s, until_ns);
    return drain_wait(s, 0);
}
