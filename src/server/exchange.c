#include "server/exchange.h"

#include "base/clock.h"
#include "base/memory.h"
#include "http/page_guard.h"

#include <stdio.h>
#include <string.h>

#define MAX_ERROR_BYTES ((size_t)16 << 10)
/* Bodies buffered at once over all connections: this many of the largest, or the floor. */
#define HELD_BODIES 8
#define HELD_FLOOR_BYTES ((size_t)64 << 20)
/* Replies held at once over all connections, beyond which no new work is taken. */
#define MAX_HELD_REPLY_BYTES ((size_t)256 << 20)
/* Retry-After where nothing better is known. */
#define RETRY_MS 1000
/* Between two replies of 503 on a connection: some clients repeat the request at once, and for ever. The first one is not kept back,
 * because a proxy turns to another instance by it. */
#define UNAVAILABLE_INTERVAL_MS 250

void exchange_release_body(exchange *x)
{
    buf_free(&x->body);
    atomic_fetch_sub(&x->owner->body_bytes, x->body_held);
    x->body_held = 0;
}

bool exchange_hold_more(exchange *x, size_t bytes)
{
    const size_t limit = x->owner->settings.max_body_bytes;
    const size_t most = limit * HELD_BODIES > HELD_FLOOR_BYTES ? limit * HELD_BODIES : HELD_FLOOR_BYTES;
    x->body_held += bytes;
    if (atomic_fetch_add(&x->owner->body_bytes, bytes) + bytes <= most || bytes == 0)
        return true;
    http_error_set(&x->error, HTTP_ERROR_OVERLOADED, NULL,
                   "too many large bodies are being received at once");
    return false;
}

void exchange_hold_less(exchange *x, size_t bytes)
{
    x->body_held -= bytes;
    atomic_fetch_sub(&x->owner->body_bytes, bytes);
}

const char *exchange_header_model(const exchange *x)
{
    const char *name = exchange_header(x, "x-model");
    return x->model[0] == '\0' && name != NULL && name[0] != '\0' ? name : NULL;
}

void exchange_unknown_model(const exchange *x, const char *name, const char *param, http_error *error)
{
    const size_t count = model_set_count(x->owner->models);
    if (count == 1)
        http_error_set(error, HTTP_ERROR_MODEL_NOT_FOUND, param,
                       "there is no model \"%.128s\" here; served is \"%s\"", name,
                       model_set_default_name(x->owner->models));
    else
        http_error_set(error, HTTP_ERROR_MODEL_NOT_FOUND, param,
                       "there is no model \"%.128s\" here; GET /v1/models lists the %zu that are served",
                       name, count);
}

api_service exchange_service(const exchange *x)
{
    const server *s = x->owner;
    return (api_service){
        .model_name = exchange_model_name(x),
        .enc = exchange_encoder(x),
        .max_texts = s->settings.max_texts,
        .max_requests = s->settings.max_queue_requests,
        .http_threads = s->settings.http_threads,
        .started_s = s->started_s,
        .takes_ids = s->settings.takes_token_ids,
        .foreign_ids = s->foreign_ids,
        .max_body_bytes = s->settings.max_body_bytes,
        .example = x->api != NULL && x->api->description != NULL ? x->api->description->example : NULL,
        .server = s,
        .is_live = service_is_live,
        .is_ready = service_is_ready};
}

/* Nobody knows when an operator will let a device be called again. */
static int64_t device_wait_ms(scheduler *work)
{
    enum { SWITCHED_OFF_MS = 30000 };
    const int64_t ms = scheduler_device_wait_ms(work);
    return ms == INT64_MAX ? SWITCHED_OFF_MS : ms;
}

static void add_retry_after(const exchange *x, http_reply *reply)
{
    scheduler *work = exchange_scheduler(x);
    int64_t ms = x->retry_ms > 0 ? x->retry_ms : RETRY_MS;
    if (x->error.code == HTTP_ERROR_OVERLOADED && work != NULL)
        ms = scheduler_backlog_ms(work);
    else if (x->error.code == HTTP_ERROR_SERVICE_UNAVAILABLE && work != NULL)
        ms = device_wait_ms(work);
    retry_after after = jitter_retry_after(&x->owner->jitter, ms);
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)after.seconds);
    http_reply_add(reply, "Retry-After", text);
    snprintf(text, sizeof text, "%lld", (long long)after.ms);
    http_reply_add(reply, "retry-after-ms", text);
    if (x->api != NULL && x->api->dialect->retry_field != NULL)
        http_reply_add(reply, x->api->dialect->retry_field, text);
}

static void add_server_timing(const exchange *x, http_reply *reply)
{
    char value[SERVER_TIMING_BYTES];
    request_facts_server_timing(&x->facts, &x->trace, clock_monotonic_ns() - x->arrived_ns, value);
    http_reply_add(reply, "server-timing", value);
}

static void add_headers(const exchange *x, http_reply *reply)
{
    const unsigned status =
        x->failed && reply->status == 200 ? http_error_status(x->error.code) : reply->status;
    http_reply_add(reply, "x-request-id", x->request_id);
    if (status == 405)
        http_reply_add(reply, "Allow", x->allow);
    if (status == 401)
        http_reply_add(reply, "WWW-Authenticate", "Bearer realm=\"akidb-embed\"");
    if (x->failed && x->error.code == HTTP_ERROR_UNSUPPORTED_ENCODING)
        http_reply_add(reply, "Accept-Encoding", "gzip");
    if (status == 503 || status == 429)
        add_retry_after(x, reply);
    if (x->served_by != SCHEDULER_LEVEL_NONE)
        http_reply_add(reply, "x-akidb-served-by", scheduler_level_name(x->served_by));
    if (strcmp(x->method, "POST") != 0) /* those to POST are kept by nobody who is not told to */
        http_reply_add(reply, "Cache-Control", x->revalidates ? "no-cache" : "no-store");
    reply->closes = x->closes || server_phase_now(x->owner) == SERVER_DRAINING;
    for (size_t i = 0;
         x->api != NULL && x->api->dialect->headers != NULL && x->api->dialect->headers[i][0] != NULL; i++)
        http_reply_add(reply, x->api->dialect->headers[i][0], x->api->dialect->headers[i][1]);
    if (status == 200 && x->facts.texts > 0)
        add_server_timing(x, reply);
    cors_add_headers(x->owner->settings.cors_origins, &x->stream->request, reply);
}

/* Refusals of work that hold no memory while they wait. Not those of probes, and none once the service ends. */
static bool is_spaced(const exchange *x, unsigned status)
{
    return x->failed && status == 503 && x->complete && x->route != NULL && x->route->resume != NULL &&
           x->error.code != HTTP_ERROR_OUT_OF_MEMORY && server_phase_now(x->owner) != SERVER_DRAINING;
}

void exchange_send(exchange *x, http_reply *reply)
{
    const bool spaced = is_spaced(x, reply->status);
    add_headers(x, reply);
    x->status = reply->fields.failed                ? 503
                : x->failed && reply->status == 200 ? http_error_status(x->error.code)
                                                    : reply->status;
    EXCHANGE_TELL(x, replied, x);
    if (spaced)
        http_stream_reply_spaced(x->stream, reply, UNAVAILABLE_INTERVAL_MS * NS_PER_MS);
    else
        http_stream_reply(x->stream, reply);
}

void exchange_reply(exchange *x, unsigned status, buf *body)
{
    http_reply reply;
    http_reply_init(&reply, status);
    if (!http_reply_take_body(&reply, body)) {
        x->status = 503;
        http_reply_free(&reply);
        http_stream_reply_out_of_memory(x->stream);
        return;
    }
    x->reply_held = reply.body_bytes;
    atomic_fetch_add(&x->owner->reply_bytes, x->reply_held);
    http_reply_add(&reply, "Content-Type",
                   x->api != NULL && x->api->dialect->media_type != NULL ? x->api->dialect->media_type
                   : x->reply_head > 0                                   ? "application/octet-stream"
                                                                         : "application/json");
    if (!x->failed && x->api != NULL && x->api->dialect->write_trailers != NULL)
        x->api->dialect->write_trailers(NULL, &reply.trailers);
    if (x->reply_head > 0) {
        char length[24];
        snprintf(length, sizeof length, "%zu", x->reply_head);
        http_reply_add(&reply, "Inference-Header-Content-Length", length);
    }
    exchange_send(x, &reply);
}

void exchange_begin(exchange *x)
{
    http_reply reply;
    http_reply_init(&reply, 200);
    http_reply_add(&reply, "Content-Type", x->api->dialect->media_type);
    add_headers(x, &reply);
    (void)http_stream_begin(x->stream, &reply);
}

void exchange_finish(exchange *x)
{
    http_reply end;
    http_reply_init(&end, 200);
    if (x->failed)
        EXCHANGE_TELL(x, failed, x);
    x->api->dialect->write_trailers(x->failed ? &x->error : NULL, &end.trailers);
    x->status = x->failed ? http_error_status(x->error.code) : 200;
    EXCHANGE_TELL(x, replied, x);
    http_stream_finish(x->stream, &end);
}

bool exchange_replies_pile_up(const server *s)
{
    return atomic_load(&s->reply_bytes) > MAX_HELD_REPLY_BYTES;
}

/* In the log and the metrics the error has the status that it has over HTTP. */
static void fail_in_head(exchange *x)
{
    http_reply reply;
    http_reply_init(&reply, 200);
    http_reply_add(&reply, "Content-Type", x->api->dialect->media_type);
    x->api->dialect->write_trailers(&x->error, &reply.fields);
    exchange_send(x, &reply);
}

void exchange_fail(exchange *x)
{
    exchange_release_body(x);
    EXCHANGE_TELL(x, failed, x);
    buf body;
    buf_init(&body, MAX_ERROR_BYTES);
    unsigned status = http_error_status(x->error.code);
    if (x->api != NULL && x->api->dialect->write_trailers != NULL) {
        fail_in_head(x);
        return;
    }
    if (x->api != NULL) {
        const api_service service = exchange_service(x);
        status = x->api->dialect->write_error(&x->error, &service, x->request_id, &body);
    } else {
        http_error_write(&x->error, &body);
    }
    exchange_reply(x, status, &body);
}

void exchange_resume(exchange *x)
{
    http_stream_resume(x->stream);
}
