#include "server/arrival.h"

#include "base/clock.h"
#include "base/memory.h"
#include "server/exchange.h"
#include "server/memory_promise.h"
#include "server/request_check.h"

#include <stdio.h>
#include <string.h>

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
