/* The way of a request: body read (embed_request), submitted, suspended until the scheduler is done, reply written
 * (embed_reply). Small bodies and replies are read and written on the connection's HTTP thread, which is quicker than
 * handing them on; large ones by the task pool, so that they hold up nobody else's request.
 *
 * A request is resumed when both its submission has returned and its result is there; until then whoever is first
 * leaves it to the other. */
#include "server/embed_route.h"

#include "base/clock.h"
#include "server/embed_reply.h"
#include "server/embed_request.h"
#include "server/gzip_body.h"
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

static embed_reply reply_of(const exchange *x)
{
    return (embed_reply){.vectors = x->result->vectors,
                         .info = x->result->info,
                         .count = x->result->count,
                         .item_errors = x->result->item_errors,
                         .item_errors_count = x->result->item_errors_count,
                         .dimension = encoder_dimension(server_encoder(x->owner)),
                         .model_name = x->owner->model_name,
                         .base64 = x->base64,
                         .duration_ns = clock_monotonic_ns() - x->arrived_ns};
}

/* Turns the result, which is freed, into x->reply or x->error. */
static void write_reply(exchange *x)
{
    connection_watch_forget(x->watched);
    request_facts_take(&x->facts, x->result);
    server_metrics_result(x);
    x->served_by = x->result->served_by;
    embed_reply reply = reply_of(x);
    buf_init(&x->reply, embed_reply_bound(&reply));
    aki_error error;
    if (embed_reply_write(&reply, &x->reply, &error) != AKI_OK) {
        buf_free(&x->reply);
        x->failed = true;
        http_error_from(&x->error, &error);
    }
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
        embed_reply reply = reply_of(x);
        if (embed_reply_bound(&reply) > LARGE_REPLY_BYTES) {
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

/* Whether there is memory for the vectors and their reply. False with x->error. */
static bool fits_memory(exchange *x, const embed_request *request)
{
    const size_t bytes =
        request->count * encoder_dimension(server_encoder(x->owner)) * (sizeof(float) + FLOAT_TEXT_BYTES);
    char what[64];
    snprintf(what, sizeof what, "a request of %zu texts", request->count);
    return memory_promise_take(x, bytes, what);
}

/* False with x->error. */
static bool read_body(exchange *x, embed_request *request)
{
    const server *s = x->owner;
    x->facts.read_ns = request_trace_now(x);
    embed_limits limits = {.max_texts = s->settings.max_texts, .model_name = s->model_name};
    bool read = (!x->gzip || x->body.length == 0 || inflate_body(x)) &&
                embed_request_parse(request, x->body.length > 0 ? x->body.data : "", x->body.length, &limits,
                                    &x->error);
    exchange_release_body(x);
    if (read && !fits_memory(x, request)) {
        embed_request_free(request);
        read = false;
    }
    x->facts.checked_ns = request_trace_now(x);
    x->failed = !read;
    return read;
}

/* Of a suspended request. */
static void submit(exchange *x, embed_request *request)
{
    x->base64 = request->base64;
    if (x->owner->settings.log_texts)
        request_facts_quote(&x->facts, request->texts[0]);
    atomic_store(&x->holders, 2);
    scheduler_submission submission = {
        .texts = request->texts,
        .count = request->count,
        .options = request->options,
        .priority = request->priority != SCHEDULER_PRIORITY_AUTO ? request->priority : x->priority,
        .on_error_item = request->on_error_item,
        .traced = x->trace.sampled,
        .client = x->client,
        .begin_by_ns = x->deadline_ns,
        .deadline_ns = x->caller_deadline_ns,
        .label = x->request_id,
        .done = on_done,
        .cookie = x};
    aki_error error;
    aki_status status = scheduler_submit(atomic_load(&x->owner->scheduler), &submission, &x->work, &error);
    embed_request_free(request);
    if (status != AKI_OK) {
        x->failed = true;
        http_error_from(&x->error, &error);
        exchange_resume(x);
        return;
    }
    if (!connection_watch_expect(x->watched, on_gone, x))
        on_gone(x);
    let_go(x);
}

static void read_and_submit_task(task *self)
{
    exchange *x = exchange_of(self);
    embed_request request;
    if (read_body(x, &request))
        submit(x, &request);
    else
        exchange_resume(x);
}

enum MHD_Result embed_route_handle(exchange *x)
{
    if (x->body.length > LARGE_BODY_BYTES || (x->gzip && x->body.length > 0)) {
        exchange_suspend(x);
        x->task.run = read_and_submit_task;
        task_pool_submit(x->owner->tasks, &x->task);
        return MHD_YES;
    }
    embed_request request;
    if (!read_body(x, &request))
        return exchange_fail(x);
    exchange_suspend(x);
    submit(x, &request);
    return MHD_YES;
}

enum MHD_Result embed_route_resume(exchange *x)
{
    if (!x->failed && x->result != NULL && x->result->status == AKI_OK)
        write_reply(x);
    connection_watch_forget(x->watched);
    if (!x->failed && x->result != NULL) {
        x->failed = true;
        request_facts_take(&x->facts, x->result);
        http_error_from(&x->error, &x->result->error);
        if (x->result->status == AKI_CANCELLED && atomic_load(&x->gone))
            http_error_set(&x->error, HTTP_ERROR_CLIENT_GONE, NULL,
                           "the client closed its side of the connection");
    }
    return x->failed ? exchange_fail(x) : exchange_reply(x, MHD_HTTP_OK, &x->reply);
}
