/* llama.cpp's dialect: POST /embedding, and POST /embeddings where the body has "content", which OpenAI's clients do not
 * send to that path. The reply is a list, with the vector of each text in a list of its own.
 *
 * Of "embd_normalize" only -1 (as the model has it) and 2 (length 1) are offered. */
#include "api/api.h"

#include "api/field.h"
#include "api/input.h"
#include "api/options.h"
#include "api/vector_json.h"
#include "base/json_text.h"

#include <stdint.h>
#include <string.h>

enum { OPENAI_FORM, LLAMACPP_FORM };
#define ITEM_BYTES 64
#define TAIL_BYTES 64

static unsigned write_error(const http_error *error, const api_service *service, const char *request_id,
                            buf *out);

static const api_dialect llamacpp = {.text_field = "content",
                                     .example = "{\"content\":[\"hello\"]}",
                                     .any_media_type = true,
                                     .write_error = write_error};

static bool read_norm(api_call *call, const char *name, const json_t *value, const api_service *service,
                      http_error *error)
{
    (void)service;
    json_int_t norm;
    if (!field_read_number(value, name, -1, &norm, error))
        return false;
    if (norm != -1 && norm != 2) {
        http_error_set(error, HTTP_ERROR_INVALID_VALUE, name,
                       "%s must be 2, for length 1, or -1, for vectors as the model has them", name);
        return false;
    }
    call->options.normalize = norm == 2 ? AKI_ON : AKI_OFF;
    return true;
}

static const api_field fields[] = {{"embd_normalize", read_norm},
                                   {"encoding_format", option_format},
                                   {"dimensions", option_dimensions},
                                   {"truncate", option_truncate},
                                   {NULL, NULL}};

static bool is_given(const json_t *value)
{
    return value != NULL && !json_is_null(value);
}

static bool read_loaded(api_call *call, const api_service *service, http_error *error)
{
    const json_t *content = json_object_get(call->root, "content");
    call->variant = LLAMACPP_FORM;
    if (!options_read(call, call->root, fields, service, error))
        return false;
    call->outputs = call->packed ? API_OUTPUT_BASE64 : API_OUTPUT_FLOAT;
    return input_read(call, "content", is_given(content) ? content : json_object_get(call->root, "input"),
                      INPUT_STRING | INPUT_IDS | INPUT_EMPTY, service, error) &&
           input_cut(call, service, error);
}

static bool read_embedding(api_call *call, const api_request *request, const api_service *service,
                           http_error *error)
{
    return input_load(call, request, "content", service, error) && read_loaded(call, service, error);
}

/* Parses no body twice that does not name the field. */
static bool read_either(api_call *call, const api_request *request, const api_service *service,
                        http_error *error)
{
    static const char name[] = "\"content\"";
    if (memmem(request->body, request->length, name, sizeof name - 1) != NULL) {
        if (!input_load(call, request, "content", service, error))
            return false;
        if (is_given(json_object_get(call->root, "content")))
            return read_loaded(call, service, error);
        api_call_free(call);
    }
    return openai_embeddings.read(call, request, service, error);
}

static size_t bound_embedding(const api_call *call, const api_result *result, const api_service *service)
{
    if (call->variant == OPENAI_FORM)
        return openai_embeddings.bound(call, result, service);
    const size_t all = vector_json_bound(call, result, ITEM_BYTES);
    return all < SIZE_MAX - TAIL_BYTES ? all + TAIL_BYTES : SIZE_MAX;
}

static aki_status write_embedding(const api_call *call, const api_result *result, const api_service *service,
                                  buf *out, aki_error *error)
{
    if (call->variant == OPENAI_FORM)
        return openai_embeddings.write(call, result, service, out, error);
    vector_json_writer w;
    aki_status status = vector_json_writer_open(&w, call, result, error);
    buf_append_char(out, '[');
    for (size_t i = 0; i < result->count && status == AKI_OK; i++) {
        buf_printf(out, "%s{\"index\":%zu,\"embedding\":[", i > 0 ? "," : "", i);
        status = vector_json_append(&w, i, (api_output)call->outputs, out, error);
        buf_append_string(out, "]}");
    }
    vector_json_writer_close(&w);
    buf_append_string(out, "]\n");
    return status;
}

static const char *type_of(unsigned status)
{
    switch (status) {
    case 401:
        return "authentication_error";
    case 403:
        return "permission_error";
    case 404:
        return "not_found_error";
    case 501:
        return "not_supported_error";
    case 429:
    case 503:
        return "unavailable_error";
    default:
        return status >= 500 ? "server_error" : "invalid_request_error";
    }
}

/* "code" is the number of the status. */
static unsigned write_error(const http_error *error, const api_service *service, const char *request_id,
                            buf *out)
{
    (void)service, (void)request_id;
    char text[API_ERROR_TEXT_BYTES];
    const unsigned status = http_error_status(error->code);
    api_error_text(error, &llamacpp, text);
    buf_printf(out, "{\"error\":{\"code\":%u,\"message\":", status);
    json_text_append_visible(out, text, strlen(text));
    buf_printf(out, ",\"type\":\"%s\"}}\n", type_of(status));
    return status;
}

#define TEXTS "{'$ref':'#/components/schemas/TextsOrIds'}"
#define NORM "'embd_normalize':{'enum':[-1,2,null]}"

static const api_description embedding_form = {
    .members = "'content':" TEXTS ",'input':" TEXTS "," NORM,
    .fields = {fields},
    .reply = "{'type':'array','items':{'type':'object','required':['index','embedding']}}"};
static const api_description either_form = {
    .members = "'content':" TEXTS
               ",'input':{'$ref':'#/components/schemas/Input'},'model':{'type':['string','null']}," NORM,
    .fields = {fields},
    .reply = "{'type':['array','object']}"};

const api_operation llamacpp_embedding = {&llamacpp, read_embedding, bound_embedding, write_embedding,
                                          &embedding_form};
/* Errors have OpenAI's form, because most who send to this path are its clients. */
const api_operation llamacpp_embeddings = {&openai_dialect, read_either, bound_embedding, write_embedding,
                                           &either_form};
