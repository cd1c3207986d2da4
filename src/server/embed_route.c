/* The way of a request of any dialect: body read, submitted, resumed when the scheduler is done, reply written, by the
 * operation of its route (api/api.h). A call without texts is answered at once. Small bodies and replies are read and written on the connection's HTTP thread, which is quicker than
 * handing them on; large ones by the task pool, so that they hold up nobody else's request.
 *
 * A request whose model is not loaded waits for it without a thread, with its body, which is read again when the model is there
 * (model_set.h). Until a body names another model, that of the header x-model reads it, or else the default.
 *
 * A request is resumed when both its submission has returned and its result is there; until then whoever is first
 * leaves it to the other. */
#include "server/handlers.h"

#include "base/clock.h"
#include "base/error.h"
#include "http/gzip.h"
#include "server/exchange.h"
#include "server/memory_promise.h"
#include "server/models.h"
#include "server/server_metrics.h"

#include <stdio.h>
#include <string.h>

/* About a quarter of a millisecond of one core each; handing on costs a twentieth of that. */
#define LARGE_BODY_BYTES ((size_t)32 << 10)
#define LARGE_REPLY_BYTES ((size_t)128 << 10)
/* A number of the reply, with its comma. */
#define FLOAT_TEXT_BYTES 13

static exchange *exchange_of(task *self)
{
    return (exchange *)((char *)self - offsetof(exchange, task));
}

static api_result result_of(const exchange *x)
{
    api_result result = {.request_id = x->request_id, .duration_ns = clock_monotonic_ns() - x->arrived_ns};
    if (x->result == NULL)
        return result;
    result.vectors = x->result->vectors;
    result.info = x->result->info;
    result.count = x->result->count;
    result.dimension = exchange_numbers(x, &x->call);
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
    const api_models models = {.list = models_list, .cookie = x->owner};
    api_service service = exchange_service(x);
    service.models = &models;
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
        const api_service service = exchange_service(x);
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
    const size_t bytes = x->call.count * exchange_numbers(x, &x->call) * (sizeof(float) + FLOAT_TEXT_BYTES);
    char what[64];
    snprintf(what, sizeof what, "a request of %zu texts", x->call.count);
    return memory_promise_take(x, bytes, what);
}

/* ---- The model ------------------------------------------------------------------------------------------------------ */

/* Of a route that answers at once: no model is loaded for it. */
static bool can_wait(const exchange *x)
{
    return x->route->resume != NULL;
}

/* The model is not there. Waits for it where that is of use. False with x->error, or x->waits. */
static bool refuse_unloaded(exchange *x, const char *name, model_answer answer, const aki_error *error)
{
    const int64_t now_ns = clock_monotonic_ns();
    const bool waited = x->waits_until_ns != 0 && now_ns >= x->waits_until_ns;
    if (answer == MODEL_REFUSED && error->status == AKI_CANCELLED) {
        http_error_from(&x->error, error);
    } else if (answer == MODEL_REFUSED) {
        http_error_set(&x->error, HTTP_ERROR_MODEL_FAILED, NULL, "the model could not be loaded: %s",
                       error->message);
    } else {
        http_error_set(&x->error, HTTP_ERROR_LOADING, NULL,
                       waited ? "the model is still being loaded, after %lld s"
                              : "the model is still being loaded",
                       (long long)(x->owner->settings.model_load_timeout_ms / 1000));
        x->waits = can_wait(x) && !waited;
        snprintf(x->wanted, sizeof x->wanted, "%s", name != NULL ? name : "");
    }
    return false;
}

/* name NULL = the default. False with x->error, or x->waits. */
static model_answer acquire(exchange *x, const char *name)
{
    model_use *use;
    aki_error error;
    const model_answer answer =
        model_set_acquire(x->owner->models, name, can_wait(x), &use, &x->retry_ms, &error);
    if (answer == MODEL_UNKNOWN)
        return answer;
    model_release(x->owner->models, x->use, MODEL_KEEP_UNCHANGED);
    x->use = use;
    if (answer != MODEL_ACQUIRED)
        refuse_unloaded(x, name, answer, &error);
    return answer;
}

/* The model of the header x-model, or else the default, reads bodies until they name another one. While it is not there, the
 * model that the request names does, by the path or by the field that most dialects have for it. False with x->error, or x->waits. */
static bool take_model(exchange *x)
{
    const api_operation *api = x->route->api;
    if (api->without_model)
        return true;
    const char *first = api->read != NULL ? exchange_header_model(x) : NULL;
    if (x->use != NULL && first == NULL)
        return true;
    const model_answer answer = acquire(x, first);
    if (answer == MODEL_ACQUIRED)
        return true;
    if (answer == MODEL_UNKNOWN) {
        exchange_unknown_model(x, first, NULL, &x->error);
        return false;
    }
    if (!can_wait(x)) { /* the operation says what it can tell without a model */
        x->waits = false;
        return true;
    }
    char name[EXCHANGE_MODEL_BYTES + 1];
    snprintf(name, sizeof name, "%s", x->model);
    api_cut_tag(name, API_KSERVE_TAG);
    if (name[0] == '\0' && x->body.length > 0)
        api_peek_model(x->body.data, x->body.length, name, sizeof name);
    const bool other = name[0] != '\0' && model_set_name(x->owner->models, name) != NULL;
    if (!other)
        return false;
    x->waits = false;
    return acquire(x, name) == MODEL_ACQUIRED;
}

typedef struct model_choice {
    exchange *x;
    api_service *service; /* of the call that is being read */
} model_choice;

/* For api_models. */
static bool choose_model(void *cookie, const char *name, const char *param, http_error *error)
{
    const model_choice *c = cookie;
    exchange *x = c->x;
    const char *configured = model_set_name(x->owner->models, name);
    if (configured == NULL) {
        exchange_unknown_model(x, name, param, error);
        return false;
    }
    c->service->model_name = configured;
    if (x->use != NULL && strcmp(model_use_name(x->use), configured) == 0)
        return true;
    const model_answer answer = acquire(x, name);
    c->service->enc = exchange_encoder(x);
    if (answer == MODEL_UNKNOWN) /* removed in the meantime */
        exchange_unknown_model(x, name, param, error);
    else if (answer != MODEL_ACQUIRED)
        *error = x->error;
    return answer == MODEL_ACQUIRED;
}

/* For api_models. */
static size_t list_models(void *cookie, api_listed *out, size_t room)
{
    const model_choice *c = cookie;
    return models_list(c->x->owner, out, room);
}

static void read_again(model_waiter *waiter)
{
    exchange *x = (exchange *)((char *)waiter - offsetof(exchange, waiter));
    task_pool_submit(x->owner->tasks, &x->task);
}

static void read_and_submit_task(task *self);

/* Has the body read again when the model is there, or the time is over. */
static void wait_for_model(exchange *x)
{
    const int64_t now_ns = clock_monotonic_ns();
    if (x->waits_until_ns == 0) {
        x->waits_until_ns = now_ns + x->owner->settings.model_load_timeout_ms * NS_PER_MS;
        if (x->caller_deadline_ns != 0 && x->caller_deadline_ns < x->waits_until_ns)
            x->waits_until_ns = x->caller_deadline_ns;
    }
    x->waits = false;
    x->task.run = read_and_submit_task;
    x->waiter = (model_waiter){.deadline_ns = x->waits_until_ns, .done = read_again};
    if (!model_set_wait(x->owner->models, x->wanted[0] != '\0' ? x->wanted : NULL, &x->waiter))
        read_again(&x->waiter);
}

/* A request that has waited has its time from here on. */
static void restart_time(exchange *x)
{
    const int64_t until_ns = clock_monotonic_ns() + x->owner->settings.request_timeout_ms * NS_PER_MS;
    if (x->waits_until_ns != 0 && until_ns > x->deadline_ns)
        x->deadline_ns = until_ns;
}

/* ---- The body ------------------------------------------------------------------------------------------------------- */

static bool read_call(exchange *x)
{
    const api_operation *api = x->route->api;
    if (!take_model(x))
        return false;
    api_service service = exchange_service(x);
    model_choice choice = {x, &service};
    const api_models models = {.choose = choose_model, .list = list_models, .cookie = &choice};
    service.models = &models;
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
    const bool plain = !x->gzip || x->body.length == 0 || inflate_body(x);
    x->gzip &= !plain;
    const bool read = plain && read_call(x) && fits_memory(x);
    model_release(x->owner->models, x->waiter.use,
                  MODEL_KEEP_UNCHANGED); /* the call has acquired it by now */
    x->waiter.use = NULL;
    if (!read && x->waits) { /* for its model, with the body, of which nothing was done yet */
        api_call_free(&x->call);
        return false;
    }
    exchange_release_body(x);
    x->facts.checked_ns = request_trace_now(x);
    x->failed = !read;
    return read;
}

static void submit(exchange *x)
{
    const api_call *call = &x->call;
    restart_time(x);
    if (x->owner->settings.log_texts)
        request_facts_quote(&x->facts, call->texts[0]);
    atomic_store(&x->holders, 2);
    scheduler_submission submission = {.texts = call->texts,
                                       .ids = call->ids,
                                       .count = call->count,
                                       .output = call->output,
                                       .token_room = call->token_room,
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
    model_use_count(x->owner->models, x->use);
    aki_status status = scheduler_submit(exchange_scheduler(x), &submission, &x->work, &error);
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
    if (!read && x->waits) {
        wait_for_model(x);
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
        if (x->waits)
            wait_for_model(x);
        else
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
