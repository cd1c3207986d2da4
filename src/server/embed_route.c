/* The way of a request of any dialect: body read, submitted, resumed when the scheduler is done, reply written, by the
 * operation of its route (api/api.h). A call without texts is answered at once. Small bodies and replies are read and written on the connection's HTTP thread, which is quicker than
 * handing them on; large ones by the task pool, so that they hold up nobody else's request.
 *
 * A request is resumed when both its submission has returned and its result is there; until then whoever is first
 * leaves it to the other. */
#include "server/embed_route.h"

#include "base/clock.h"
#include "base/error.h"
#include "http/gzip_body.h"
#include "server/memory_promise.h"
#include "server/request_trace.h"
#include "server/server_metrics.h"

#include <stdio.h>

/* About a quarter of a millisecond of one core each; handing on costs a twentieth of that. */
#define LARGE_BODY_BYTES ((size_t)32 << 10)
#define LARGE_REPLY_BYTES ((size_t)128 << 10)
/* A number of the reply, with its comma. */
#define FLOAT_TEXT_BYTES 13

static exchange *exchange_of(task *self)
{
    return (exchange *)((char *)self - offsetof(exchange, task));
}

/* For each text. */
static size_t numbers_of(const exchange *x)
{
    const encoder *enc = server_encoder(x->owner);
    return x->call.every_token ? x->call.token_room * encoder_hidden(enc) : encoder_dimension(enc);
}

static api_result result_of(const exchange *x)
{
    api_result result = {.request_id = x->request_id, .duration_ns = clock_monotonic_ns() - x->arrived_ns};
    if (x->result == NULL)
        return result;
    result.vectors = x->result->vectors;
    result.info = x->result->info;
    result.count = x->result->count;
    result.dimension = numbers_of(x);
    result.item_errors = x->result->item_errors;
    result.item_errors_count = x->result->item_errors_count;
    result.tokenize_ns = x->result->tokenize_ns;
    result.queue_ns = x->result->queue_ns;
    result.inference_ns = x->result->inference_ns;
    return result;
}

/* The body may be for another operation than the route's. */
static const api_operation *operation_of(const exchange *x)
{
    return x->call.as != NULL ? x->call.as : x->route->api;
}

static size_t reply_bound(const exchange *x, const api_result *result, const api_service *service)
{
    const api_operation *api = operation_of(x);
    return api->bound != NULL ? api->bound(&x->call, result, service) : API_SMALL_REPLY_BYTES;
}

/* Fills x->reply or x->error. */
static void write_body(exchange *x)
{
    const api_service service = service_api(x->owner);
    api_result result = result_of(x);
    result.head_length = &x->reply_head;
    buf_init(&x->reply, reply_bound(x, &result, &service));
    aki_error error;
    aki_status status = operation_of(x)->write(&x->call, &result, &service, &x->reply, &error);
    if (status == AKI_OK && x->reply.failed)
        status = error_set(&error, AKI_OUT_OF_MEMORY, "no memory for the reply");
    if (status != AKI_OK) {
        buf_free(&x->reply);
        x->reply_head = 0;
        x->failed = true;
        http_error_from(&x->error, &error);
    }
}

/* Turns the result, which is freed, into x->reply or x->error. */
static void write_reply(exchange *x)
{
    http_stream_forget(x->stream);
    request_facts_take(&x->facts, x->result);
    server_metrics_result(x, x->result);
    x->served_by = x->result->served_by;
    write_body(x);
    scheduler_request_free(x->work);
    x->work = NULL;
    x->result = NULL;
}

static void write_reply_task(task *self)
{
    exchange *x = exchange_of(self);
    write_reply(x);
    exchange_resume(x);
}

static void let_go(exchange *x)
{
    if (atomic_fetch_sub(&x->holders, 1) > 1)
        return;
    if (x->result->status == AKI_OK) {
        const api_service service = service_api(x->owner);
        const api_result result = result_of(x);
        if (reply_bound(x, &result, &service) > LARGE_REPLY_BYTES) {
            x->task.run = write_reply_task;
            task_pool_submit(x->owner->tasks, &x->task);
            return;
        }
    }
    exchange_resume(x);
}

static void on_done(void *cookie, scheduler_request *request, const scheduler_result *result)
{
    (void)request;
    exchange *x = cookie;
    x->result = result;
    let_go(x);
}

static void on_gone(void *cookie)
{
    exchange *x = cookie;
    atomic_store(&x->gone, true);
    scheduler_cancel(x->work);
}

/* Puts what the compressed body holds in its place. False with x->error. */
static bool inflate_body(exchange *x)
{
    size_t limit = x->owner->settings.max_body_bytes;
    buf plain;
    buf_init(&plain, limit);
    gzip_outcome outcome = gzip_body_inflate(x->body.data, x->body.length, &plain);
    exchange_release_body(x);
    x->body = plain;
    if (outcome == GZIP_INVALID)
        http_error_set(&x->error, HTTP_ERROR_INVALID_ENCODING, NULL,
                       "the body is not what Content-Encoding says: gzip, undamaged and whole");
    else if (outcome == GZIP_TOO_LARGE)
        http_error_set(&x->error, HTTP_ERROR_BODY_TOO_LARGE, NULL,
                       "the body is more than %zu bytes when decompressed, or more than %d times its size",
                       limit, GZIP_MAX_RATIO);
    else if (outcome == GZIP_OUT_OF_MEMORY)
        http_error_set(&x->error, HTTP_ERROR_OUT_OF_MEMORY, NULL, "no memory to decompress the body");
    return outcome == GZIP_DONE && memory_promise_body(x, x->body.length);
}

/* Checks that there is memory for the vectors and their reply. False with x->error. */
static bool fits_memory(exchange *x)
{
    if (x->call.count == 0)
        return true;
    const size_t bytes = x->call.count * numbers_of(x) * (sizeof(float) + FLOAT_TEXT_BYTES);
    char what[64];
    snprintf(what, sizeof what, "a request of %zu texts", x->call.count);
    return memory_promise_take(x, bytes, what);
}

static bool read_call(exchange *x)
{
    const api_operation *api = x->route->api;
    const api_service service = service_api(x->owner);
    const api_request request = {.body = x->body.length > 0 ? x->body.data : "",
                                 .length = x->body.length,
                                 .name = x->model,
                                 .head_length = exchange_header(x, "inference-header-content-length"),
                                 .encoding = exchange_header(x, "grpc-encoding")};
    const bool read = api_read(api, &x->call, &request, &service, &x->error);
    x->api = operation_of(x); /* whose form an error has */
    return read;
}

/* False with x->error. */
static bool read_body(exchange *x)
{
    x->facts.read_ns = request_trace_now(x);
    const bool read = (!x->gzip || x->body.length == 0 || inflate_body(x)) && read_call(x) && fits_memory(x);
    exchange_release_body(x);
    x->facts.checked_ns = request_trace_now(x);
    x->failed = !read;
    return read;
}

static void submit(exchange *x)
{
    const api_call *call = &x->call;
    if (x->owner->settings.log_texts)
        request_facts_quote(&x->facts, call->texts[0]);
    atomic_store(&x->holders, 2);
    scheduler_submission submission = {.texts = call->texts,
                                       .ids = call->ids,
                                       .count = call->count,
                                       .token_room = call->every_token ? call->token_room : 0,
                                       .options = call->options,
                                       .priority = call->priority != SCHEDULER_PRIORITY_AUTO ? call->priority
                                                                                             : x->priority,
                                       .on_error_item = call->on_error_item,
                                       .traced = x->trace.sampled,
                                       .client = x->client,
                                       .begin_by_ns = x->deadline_ns,
                                       .deadline_ns = x->caller_deadline_ns,
                                       .label = x->request_id,
                                       .done = on_done,
                                       .cookie = x};
    aki_error error;
    aki_status status = scheduler_submit(atomic_load(&x->owner->scheduler), &submission, &x->work, &error);
    api_call_release_input(&x->call);
    if (status != AKI_OK) {
        x->failed = true;
        http_error_from(&x->error, &error);
        exchange_resume(x);
        return;
    }
    if (!http_stream_expect(x->stream, on_gone, x))
        on_gone(x);
    let_go(x);
}

static void read_and_submit_task(task *self)
{
    exchange *x = exchange_of(self);
    const bool read = read_body(x);
    if (read && x->call.count > 0) {
        submit(x);
        return;
    }
    if (read)
        write_body(x);
    exchange_resume(x);
}

static void send_written(exchange *x)
{
    if (x->failed)
        exchange_fail(x);
    else
        exchange_reply(x, 200, &x->reply);
}

void embed_route_handle(exchange *x)
{
    if (x->body.length > LARGE_BODY_BYTES || (x->gzip && x->body.length > 0)) {
        x->task.run = read_and_submit_task;
        task_pool_submit(x->owner->tasks, &x->task);
    } else if (!read_body(x)) {
        exchange_fail(x);
    } else if (x->call.count > 0) {
        submit(x);
    } else {
        write_body(x);
        send_written(x);
    }
}

void embed_route_resume(exchange *x)
{
    if (!x->failed && x->result != NULL && x->result->status == AKI_OK)
        write_reply(x);
    http_stream_forget(x->stream);
    if (!x->failed && x->result != NULL) {
        x->failed = true;
        request_facts_take(&x->facts, x->result);
        http_error_from(&x->error, &x->result->error);
        if (x->result->status == AKI_CANCELLED && atomic_load(&x->gone))
            http_error_set(&x->error, HTTP_ERROR_CLIENT_GONE, NULL,
                           "the client closed its side of the connection");
    }
    send_written(x);
}
