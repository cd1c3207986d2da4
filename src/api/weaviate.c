/* The interface of Weaviate's containers for its modules text2vec-transformers: POST /vectors, GET /meta.
 *
 * Weaviate sends "pooling_strategy" with every text, whatever the model; the model's own way is used all the same. */
#include "api/api.h"

#include "api/field.h"
#include "api/input.h"
#include "api/options.h"
#include "api/vector_json.h"
#include "base/json_text.h"

#include <stdint.h>
#include <string.h>

#define TAIL_BYTES 128

static unsigned write_error(const http_error *error, const api_service *service, const char *request_id,
                            buf *out);

static const api_hint hints[] = {API_HINTS_WITHOUT_PARAM, {HTTP_ERROR_TOTAL, NULL}};

static const api_dialect weaviate = {.text_field = "text",
                                     .example = "{\"text\":\"hello\"}",
                                     .any_media_type = true,
                                     .hints = hints,
                                     .write_error = write_error};

static const api_field fields[] = {{"pooling_strategy", option_without_effect},
                                   {"task_type", option_purpose},
                                   {"dimensions", option_dimensions},
                                   {NULL, NULL}};

static bool read_vectors(api_call *call, const api_request *request, const api_service *service,
                         http_error *error)
{
    if (!input_load(call, request, "text", service, error))
        return false;
    const json_t *text = json_object_get(call->root, "text"), *config = json_object_get(call->root, "config");
    if (config != NULL && !json_is_null(config) && !json_is_object(config))
        return field_refuse_type(error, "config", "an object", config);
    if (text != NULL && !json_is_null(text) && !json_is_string(text))
        return field_refuse_type(error, "text", "a string", text);
    call->keeps_input = true; /* the reply repeats the text */
    return options_read(call, config, fields, service, error) &&
           input_read(call, "text", text, INPUT_STRING | INPUT_EMPTY, service, error) &&
           input_cut(call, service, error);
}

static size_t bound_vectors(const api_call *call, const api_result *result, const api_service *service)
{
    (void)service;
    const size_t all = vector_json_bound(call, result, 8),
                 tail = TAIL_BYTES + 6 * json_string_length(json_object_get(call->root, "text"));
    return all < SIZE_MAX - tail ? all + tail : SIZE_MAX;
}

static aki_status write_vectors(const api_call *call, const api_result *result, const api_service *service,
                                buf *out, aki_error *error)
{
    (void)service;
    const json_t *text = json_object_get(call->root, "text");
    vector_json_writer w;
    buf_append_string(out, "{\"text\":");
    json_text_append(out, json_string_value(text), json_string_length(text));
    buf_append_string(out, ",\"vector\":");
    aki_status status = vector_json_writer_open(&w, call, result, error);
    if (status == AKI_OK)
        status = vector_json_append(&w, 0, API_OUTPUT_FLOAT, out, error);
    vector_json_writer_close(&w);
    buf_printf(out, ",\"dim\":%zu}\n", vector_json_dimension(call, result));
    return status;
}

static bool read_meta(api_call *call, const api_request *request, const api_service *service,
                      http_error *error)
{
    (void)call, (void)request;
    if (service->enc == NULL)
        http_error_set(error, HTTP_ERROR_LOADING, NULL, "the model is still being loaded");
    return service->enc != NULL;
}

static aki_status write_meta(const api_call *call, const api_result *result, const api_service *service,
                             buf *out, aki_error *error)
{
    (void)call, (void)result, (void)error;
    aki_model_info info;
    encoder_describe(service->enc, &info);
    buf_append_string(out, "{\"_name_or_path\":");
    json_text_append_string(out, service->model_name);
    buf_printf(out, ",\"model_type\":\"%s\",\"hidden_size\":%zu,\"max_position_embeddings\":%zu}\n",
               info.architecture, encoder_dimension(service->enc), encoder_max_tokens(service->enc));
    return AKI_OK;
}

static unsigned write_error(const http_error *error, const api_service *service, const char *request_id,
                            buf *out)
{
    (void)request_id;
    char text[API_ERROR_TEXT_BYTES];
    api_error_text(error, &weaviate, service, text);
    buf_append_string(out, "{\"error\":");
    json_text_append_visible(out, text, strlen(text));
    buf_append_string(out, "}\n");
    return http_error_status(error->code);
}

static const api_description vectors_form = {
    .members = "'text':{'type':'string'}",
    .nested = "config",
    .fields = {fields},
    .required = "'text'",
    .reply = "{'type':'object','required':['text','vector','dim'],'properties':{'text':{'type':'string'},"
             "'vector':{'$ref':'#/components/schemas/Vector'},'dim':{'type':'integer'}}}"};
static const api_description meta_form = {.reply = "{'type':'object','required':['model_type']}"};

const api_operation weaviate_vectors = {&weaviate, read_vectors, bound_vectors, write_vectors, &vectors_form};
const api_operation weaviate_meta = {&weaviate, read_meta, NULL, write_meta, &meta_form};
