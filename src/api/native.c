/* The service's own dialect: POST /api/v1/embed (embed_request.h, embed_reply.h). */
#include "api/api.h"

#include "api/embed_reply.h"
#include "api/embed_request.h"
#include "api/field.h"
#include "api/options.h"

static bool fits_model(const api_call *call, const api_service *service, http_error *error)
{
    const size_t most = encoder_dimension(service->enc);
    aki_text prompt;
    if (call->dimensions > most) {
        http_error_set(error, HTTP_ERROR_INVALID_VALUE, "dimensions",
                       "dimensions is %zu%s; the model's vectors have %zu", call->dimensions,
                       field_beyond((json_int_t)call->dimensions), most);
        return false;
    }
    return options_prompt(call, service, &prompt, error);
}

static bool read_embed(api_call *call, const api_request *request, const api_service *service,
                       http_error *error)
{
    embed_request own;
    if (!embed_request_parse(&own, request->body, request->length, service, error))
        return false;
    *call = (api_call){.texts = own.texts,
                       .count = own.count,
                       .options = own.options,
                       .priority = own.priority,
                       .outputs = own.base64 ? API_OUTPUT_BASE64 : API_OUTPUT_FLOAT,
                       .on_error_item = own.on_error_item,
                       .dimensions = own.dimensions,
                       .root = own.root};
    return fits_model(call, service, error);
}

static embed_reply reply_of(const api_call *call, const api_result *result, const api_service *service)
{
    return (embed_reply){.vectors = result->vectors,
                         .info = result->info,
                         .count = result->count,
                         .dimension = result->dimension,
                         .cut = call->dimensions < result->dimension ? call->dimensions : 0,
                         .normalize_cut = call->options.normalize != AKI_OFF,
                         .item_errors = result->item_errors,
                         .item_errors_count = result->item_errors_count,
                         .model_name = service->model_name,
                         .base64 = call->outputs == API_OUTPUT_BASE64,
                         .duration_ns = result->duration_ns};
}

static size_t bound_embed(const api_call *call, const api_result *result, const api_service *service)
{
    const embed_reply reply = reply_of(call, result, service);
    return embed_reply_bound(&reply);
}

static aki_status write_embed(const api_call *call, const api_result *result, const api_service *service,
                              buf *out, aki_error *error)
{
    const embed_reply reply = reply_of(call, result, service);
    return embed_reply_write(&reply, out, error);
}

static unsigned write_error(const http_error *error, const api_service *service, const char *request_id,
                            buf *out)
{
    (void)service, (void)request_id;
    http_error_write(error, out);
    return http_error_status(error->code);
}

const api_dialect native_dialect = {
    .text_field = "texts", .example = "{\"texts\":[\"hello\"]}", .write_error = write_error};

static const api_description embed_form = {
    .members =
        "'texts':{'type':'array','minItems':1,'items':{'type':'string','minLength':1}},"
        "'model':{'type':['string','null']},'pooling':{'enum':['mean','cls','max','lasttoken',"
        "'mean_sqrt_len_tokens','weightedmean',null]},'dimensions':{'type':['integer','null'],'minimum':1},"
        "'prompt':{'type':['string','null']},'prompt_name':{'type':['string','null']},"
        "'normalize':{'type':['boolean','null']},'truncate':{'type':['boolean','null']},"
        "'encoding_format':{'enum':['float','base64',null]},"
        "'priority':{'enum':['auto','interactive','bulk',null]},'on_error':{'enum':['request','item',null]}",
    .required = "'texts'",
    .reply = "{'type':'object','required':['embeddings','model','dimension','usage'],'properties':{"
             "'embeddings':{'type':'array'},'model':{'type':'string'},'dimension':{'type':'integer'},"
             "'usage':{'type':'object'},'truncated':{'type':'array','items':{'type':'integer'}},"
             "'errors':{'type':'array','items':{'type':'object','required':['index','code','message']}}}}"};

const api_operation native_embed = {&native_dialect, read_embed, bound_embed, write_embed, &embed_form};
