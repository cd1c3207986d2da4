/* Cohere's dialect: POST /v1/embed and /v2/embed.
 *
 * Version 1 returns a list of float vectors unless the call names types; version 2 always lists by type. Its client
 * joins the ids of batches, so "id" must be a string, and tells the forms apart by "response_type". */
#include "api/api.h"

#include "api/field.h"
#include "api/input.h"
#include "api/options.h"
#include "api/vector_json.h"
#include "base/json_text.h"

#include <stdint.h>
#include <string.h>

enum { COHERE_FLOATS_V1, COHERE_TYPES_V1, COHERE_TYPES_V2 };
#define TAIL_BYTES 1024

static unsigned write_error(const http_error *error, const api_service *service, const char *request_id,
                            buf *out);

static const api_hint hints[] = {
    API_HINTS_WITHOUT_PARAM,
    {HTTP_ERROR_TEXT_TOO_LONG, "Shorten or split the text, or send \"truncate\":\"END\"."},
    {HTTP_ERROR_TOTAL, NULL}};

static const api_dialect cohere = {.text_field = "texts",
                                   .example = "{\"model\":\"NAME\",\"texts\":[\"hello\"],"
                                              "\"input_type\":\"search_document\"}",
                                   .any_media_type = true,
                                   .hints = hints,
                                   .write_error = write_error};

static bool refuse_images(api_call *call, const char *name, const json_t *value, const api_service *service,
                          http_error *error)
{
    (void)call, (void)service;
    if (json_is_array(value) && json_array_size(value) == 0)
        return true;
    http_error_set(error, HTTP_ERROR_INVALID_VALUE, name, "the model takes texts only, no images");
    return false;
}

static const api_field fields[] = {
    {"model", option_model},       {"input_type", option_purpose},    {"embedding_types", option_types},
    {"truncate", option_truncate}, {"max_tokens", option_max_tokens}, {"output_dimension", option_dimensions},
    {"priority", option_priority}, {"images", refuse_images},         {NULL, NULL}};

/* {"content":[{"type":"text","text":"…"}]}: the string, or NULL. */
static json_t *text_of_input(const json_t *input)
{
    const json_t *content = json_object_get(input, "content");
    json_t *text = json_object_get(json_array_get(content, 0), "text");
    return json_array_size(content) == 1 && json_is_string(text) ? text : NULL;
}

/* Version 2 also takes "inputs", of which those with one text each are served: puts them in the place of "texts". */
static bool take_inputs(json_t *root, http_error *error)
{
    const json_t *inputs = field_given(root, "inputs");
    size_t index;
    json_t *input;
    if (inputs == NULL)
        return true;
    if (!json_is_array(inputs))
        return field_refuse_type(error, "inputs", "a list", inputs);
    json_t *texts = json_array();
    json_array_foreach(inputs, index, input)
    {
        json_t *text = text_of_input(input);
        if (text == NULL) {
            json_decref(texts);
            http_error_set(
                error, HTTP_ERROR_INVALID_VALUE, "inputs",
                "inputs[%zu] must be {\"content\":[{\"type\":\"text\",\"text\":\"…\"}]}: the model takes "
                "texts only, one for each vector",
                index);
            return false;
        }
        json_array_append(texts, text);
    }
    if (json_array_size(texts) < json_array_size(inputs)) { /* an append failed */
        json_decref(texts);
        texts = NULL;
    }
    if (texts != NULL && json_object_set_new(root, "texts", texts) == 0)
        return true;
    http_error_set(error, HTTP_ERROR_OUT_OF_MEMORY, NULL, "no memory for the texts");
    return false;
}

static bool read_embed(api_call *call, const api_request *request, const api_service *service,
                       http_error *error)
{
    if (!input_load(call, request, "texts", service, error) || !take_inputs(call->root, error) ||
        !options_read(call, call->root, fields, service, error))
        return false;
    call->keeps_input = true; /* the reply repeats the texts */
    return input_read(call, "texts", json_object_get(call->root, "texts"), INPUT_EMPTY, service, error) &&
           options_check(call, service, error) && input_cut(call, service, error);
}

static bool read_v1(api_call *call, const api_request *request, const api_service *service, http_error *error)
{
    if (!read_embed(call, request, service, error))
        return false;
    call->variant = call->outputs == 0 ? COHERE_FLOATS_V1 : COHERE_TYPES_V1;
    if (call->outputs == 0)
        call->outputs = API_OUTPUT_FLOAT;
    return true;
}

static bool read_v2(api_call *call, const api_request *request, const api_service *service, http_error *error)
{
    if (!read_embed(call, request, service, error))
        return false;
    call->variant = COHERE_TYPES_V2;
    if (call->outputs == 0)
        call->outputs = API_OUTPUT_FLOAT;
    return true;
}

static size_t bound_embed(const api_call *call, const api_result *result, const api_service *service)
{
    (void)service;
    size_t all = vector_json_bound(call, result, 2 * API_OUTPUTS), texts = TAIL_BYTES;
    for (size_t i = 0; i < call->count; i++)
        texts += 6 * call->texts[i].length + 3;
    return all < SIZE_MAX - texts ? all + texts : SIZE_MAX;
}

static aki_status write_types(const api_call *call, vector_json_writer *w, buf *out, aki_error *error)
{
    aki_status status = AKI_OK;
    const char *separator = "{";
    for (size_t i = 0; i < API_OUTPUTS && status == AKI_OK; i++) {
        if ((call->outputs & 1U << i) == 0)
            continue;
        buf_printf(out, "%s\"%s\":", separator, vector_json_types[i]);
        status = vector_json_append_all(w, (api_output)(1U << i), out, error);
        separator = ",";
    }
    buf_append_char(out, '}');
    return status;
}

static void write_meta(const api_call *call, const api_result *result, buf *out)
{
    size_t cut = 0;
    for (size_t i = 0; i < result->count; i++)
        cut += result->info[i].truncated;
    buf_printf(out, ",\"meta\":{\"api_version\":{\"version\":\"%d\"},\"billed_units\":{\"input_tokens\":%zu}",
               call->variant == COHERE_TYPES_V2 ? 2 : 1, api_tokens(result));
    if (cut > 0)
        buf_printf(out,
                   ",\"warnings\":[\"%zu of %zu texts had more tokens than the model takes and were cut\"]",
                   cut, result->count);
    buf_append_char(out, '}');
}

static aki_status write_embed(const api_call *call, const api_result *result, const api_service *service,
                              buf *out, aki_error *error)
{
    (void)service;
    vector_json_writer w;
    buf_append_string(out, "{\"id\":");
    json_text_append_string(out, result->request_id);
    buf_append_string(out, ",\"embeddings\":");
    aki_status status = vector_json_writer_open(&w, call, result, error);
    if (status == AKI_OK)
        status = call->variant == COHERE_FLOATS_V1 ? vector_json_append_all(&w, API_OUTPUT_FLOAT, out, error)
                                                   : write_types(call, &w, out, error);
    vector_json_writer_close(&w);
    buf_append_string(out, ",\"texts\":[");
    const json_t *texts = json_object_get(call->root, "texts");
    for (size_t i = 0; i < call->count; i++) {
        const json_t *text = json_array_get(texts, i);
        if (i > 0)
            buf_append_char(out, ',');
        json_text_append(out, json_string_value(text), json_string_length(text));
    }
    buf_append_char(out, ']');
    write_meta(call, result, out);
    buf_printf(out, ",\"response_type\":\"%s\"}\n",
               call->variant == COHERE_FLOATS_V1 ? "embeddings_floats" : "embeddings_by_type");
    return status;
}

static unsigned write_error(const http_error *error, const api_service *service, const char *request_id,
                            buf *out)
{
    char text[API_ERROR_TEXT_BYTES];
    api_error_text(error, &cohere, service, text);
    buf_append_string(out, "{\"id\":");
    json_text_append_string(out, request_id);
    buf_append_string(out, ",\"message\":");
    json_text_append_visible(out, text, strlen(text));
    buf_append_string(out, "}\n");
    return http_error_status(error->code);
}

#define REPLY                                                                                                \
    "{'type':'object','required':['id','embeddings','texts','meta','response_type'],"                        \
    "'properties':{'id':{'type':'string'},'embeddings':{'type':['array','object']},"                         \
    "'texts':{'type':'array','items':{'type':'string'}}}}"

static const api_description v1_form = {.members = "'texts':{'type':'array','minItems':1,'items':{'type':'"
                                                   "string'}},'images':{'type':'array','maxItems':0}",
                                        .fields = {fields},
                                        .required = "'texts'",
                                        .reply = REPLY};
static const api_description v2_form = {
    .members = "'texts':{'type':'array','minItems':1,'items':{'type':'string'}},'images':{'type':'array','"
               "maxItems':0},"
               "'inputs':{'type':'array','items':{'type':'object','required':['content']}}",
    .fields = {fields},
    .reply = REPLY};

const api_operation cohere_v1_embed = {&cohere, read_v1, bound_embed, write_embed, &v1_form};
const api_operation cohere_v2_embed = {&cohere, read_v2, bound_embed, write_embed, &v2_form};
