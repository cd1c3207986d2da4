#include "server/embed_route.h"

#include "base/clock.h"
#include "server/embed_reply.h"
#include "server/embed_request.h"

static void on_done(void *cookie, scheduler_request *request, const scheduler_result *result)
{
    (void)request;
    exchange *x = cookie;
    x->result = result;
    exchange_resume(x);
}

enum MHD_Result embed_route_handle(exchange *x)
{
    server *s = x->owner;
    embed_limits limits = {.max_texts = s->settings.max_texts, .model_name = s->model_name};
    embed_request request;
    if (exchange_replies_pile_up(s)) {
        http_error_set(&x->error, HTTP_ERROR_OVERLOADED, NULL,
                       "too many replies wait for clients to read them");
        return exchange_fail(x);
    }
    if (!embed_request_parse(&request, x->body.length > 0 ? x->body.data : "", x->body.length, &limits,
                             &x->error))
        return exchange_fail(x);
    exchange_release_body(x);
    x->base64 = request.base64;
    /* Suspended first, because the result may come, and resume, before the submission returns. */
    exchange_suspend(x);
    scheduler_submission submission = {.texts = request.texts,
                                       .count = request.count,
                                       .options = request.options,
                                       .priority = request.priority,
                                       .on_error_item = request.on_error_item,
                                       .deadline_ns = x->deadline_ns,
                                       .done = on_done,
                                       .cookie = x};
    aki_error error;
    aki_status status = scheduler_submit(atomic_load(&s->scheduler), &submission, &x->work, &error);
    embed_request_free(&request);
    if (status != AKI_OK) {
        x->failed = true;
        http_error_from(&x->error, &error);
        exchange_resume(x);
    }
    return MHD_YES;
}

enum MHD_Result embed_route_resume(exchange *x)
{
    const scheduler_result *result = x->result;
    if (x->failed)
        return exchange_fail(x);
    if (result->status != AKI_OK) {
        http_error_from(&x->error, &result->error);
        return exchange_fail(x);
    }
    embed_reply reply = {.vectors = result->vectors,
                         .info = result->info,
                         .count = result->count,
                         .item_errors = result->item_errors,
                         .item_errors_count = result->item_errors_count,
                         .dimension = encoder_dimension(x->owner->enc),
                         .model_name = x->owner->model_name,
                         .base64 = x->base64,
                         .duration_ns = clock_monotonic_ns() - x->arrived_ns};
    buf body;
    buf_init(&body, embed_reply_bound(&reply));
    aki_error error;
    aki_status status = embed_reply_write(&reply, &body, &error);
    scheduler_request_free(x->work);
    x->work = NULL;
    if (status != AKI_OK) {
        buf_free(&body);
        http_error_from(&x->error, &error);
        return exchange_fail(x);
    }
    return exchange_reply(x, MHD_HTTP_OK, &body);
}
