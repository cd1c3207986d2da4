/* llama.cpp's dialect: POST /detokenize, POST /tokenize where the body has "content" (tei.c reads it first), POST /embedding, and POST /embeddings where the body has "content", which OpenAI's clients do not
 * send to that path. The reply is a list, with the vector of each text in a list of its own.
 *
 * Of "embd_normalize" only -1 (as the model has it) and 2 (length 1) are offered. */
#include "api/api.h"

#include "api/field.h"
#include "api/input.h"
#include "api/options.h"
#include "api/tei.h"
#include "api/vector_json.h"
#include "base/error.h"
#include "base/json_text.h"

#include <stdint.h>
#include <string.h>

enum { OPENAI_FORM, LLAMACPP_FORM };
#define ITEM_BYTES 64
#define TAIL_BYTES 64
/* Of a token in a reply, in JSON. */
#define TOKEN_BYTES ((size_t)1024)

static unsigned write_error(const http_error *error, const api_service *service, const char *request_id,
                            buf *out);

static const api_hint hints[] = {API_HINTS_WITHOUT_PARAM, {HTTP_ERROR_TOTAL, NULL}};

static const api_dialect llamacpp = {.text_field = "content",
                                     .example = "{\"content\":[\"hello\"]}",
                                     .any_media_type = true,
                                     .hints = hints,
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

static bool read_loaded(api_call *call, const api_service *service, http_error *error)
{
    const json_t *content = field_given(call->root, "content");
    call->variant = LLAMACPP_FORM;
    if (!options_read(call, call->root, fields, service, error))
        return false;
    call->outputs = call->packed ? API_OUTPUT_BASE64 : API_OUTPUT_FLOAT;
    return input_read(call, "content", content != NULL ? content : json_object_get(call->root, "input"),
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
        if (field_given(call->root, "content") != NULL)
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

/* ---- Tokens -------------------------------------------------------------------------------------------- */

/* A field's value under the name that TEI has for it; `otherwise` where it is missing. */
static bool rename_field(json_t *root, const char *from, const char *to, json_t *otherwise, http_error *error)
{
    json_t *value = field_given(root, from);
    if (value != NULL) {
        json_decref(otherwise);
        otherwise = json_incref(value);
    }
    if (otherwise != NULL && json_object_set_new(root, to, otherwise) == 0)
        return true;
    http_error_set(error, HTTP_ERROR_OUT_OF_MEMORY, NULL, "no memory for the call");
    return false;
}

bool llamacpp_tokenize_fields(api_call *call, const api_service *service, http_error *error)
{
    bool pieces = false;
    const json_t *flag = field_given(call->root, "with_pieces"),
                 *content = json_object_get(call->root, "content");
    if (flag != NULL && !field_read_switch(flag, "with_pieces", &pieces, error))
        return false;
    if (!json_is_string(content))
        return field_refuse_type(error, "content", "a string", content);
    call->options.prompt = (aki_text){"", 0};
    if (!rename_field(call->root, "content", "inputs", NULL, error) ||
        !rename_field(call->root, "add_special", "add_special_tokens", json_false(), error) ||
        !tei_tokenize_fields(call, service, error))
        return false;
    call->packed = pieces;
    return true;
}

static bool read_tokenize(api_call *call, const api_request *request, const api_service *service,
                          http_error *error)
{
    return input_load(call, request, "content", service, error) &&
           llamacpp_tokenize_fields(call, service, error);
}

static size_t bound_tokens(const api_call *call, const api_result *result, const api_service *service)
{
    (void)call, (void)result, (void)service;
    return TAIL_BYTES + TEI_MAX_TOKENS * TOKEN_BYTES;
}

static void append_id(void *cookie, const tei_token *token)
{
    buf *out = cookie;
    buf_printf(out, "%d,", (int)token->id);
}

static void append_piece(void *cookie, const tei_token *token)
{
    buf *out = cookie;
    buf_printf(out, "{\"id\":%d,\"piece\":", (int)token->id);
    json_text_append_string(out, token->text);
    buf_append_string(out, "},");
}

static aki_status write_tokenize(const api_call *call, const api_result *result, const api_service *service,
                                 buf *out, aki_error *error)
{
    (void)result;
    size_t left = TEI_MAX_TOKENS;
    buf_append_string(out, "{\"tokens\":[");
    const aki_status status =
        tei_each_token(call, 0, service, &left, call->packed ? append_piece : append_id, out, error);
    if (status == AKI_OK && !out->failed && out->data[out->length - 1] == ',')
        out->length--;
    buf_append_string(out, "]}\n");
    return status;
}

static bool read_detokenize(api_call *call, const api_request *request, const api_service *service,
                            http_error *error)
{
    if (!input_load(call, request, "tokens", service, error))
        return false;
    const json_t *tokens = json_object_get(call->root, "tokens");
    if (!json_is_array(tokens) || json_is_array(json_array_get(tokens, 0)))
        return field_refuse_type(error, "tokens", "a list of token ids", tokens);
    if (json_array_size(tokens) == 0) { /* no ids are no text */
        call->keeps_input = true;
        return true;
    }
    return rename_field(call->root, "tokens", "ids", NULL, error) &&
           rename_field(call->root, "skip_special", "skip_special_tokens", json_false(), error) &&
           tei_decode_fields(call, service, error);
}

static aki_status write_detokenize(const api_call *call, const api_result *result, const api_service *service,
                                   buf *out, aki_error *error)
{
    (void)result;
    buf text;
    buf_init(&text, TEI_MAX_TOKENS * TOKEN_BYTES / 8);
    const json_t *ids = json_object_get(call->root, "ids");
    const bool done = ids == NULL || tei_decode_list(service, ids, call->variant != 0, &text);
    buf_append_string(out, "{\"content\":");
    json_text_append(out, text.data != NULL ? text.data : "", text.length);
    buf_append_string(out, "}\n");
    buf_free(&text);
    return done ? AKI_OK : error_set(error, AKI_OUT_OF_MEMORY, "no memory for the reply");
}

/* ---- Errors -------------------------------------------------------------------------------------------- */

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
    (void)request_id;
    char text[API_ERROR_TEXT_BYTES];
    const unsigned status = http_error_status(error->code);
    api_error_text(error, &llamacpp, service, text);
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

static const api_description tokenize_form = {
    .members = "'content':{'type':'string'},'add_special':{'type':['boolean','null']},"
               "'with_pieces':{'type':['boolean','null']}",
    .required = "'content'",
    .reply = "{'type':'object','required':['tokens'],'properties':{'tokens':{'type':'array'}}}"};
static const api_description detokenize_form = {
    .members = "'tokens':{'type':'array','items':{'type':'integer','minimum':0}}",
    .required = "'tokens'",
    .example = "{'tokens':[101,7592,102]}",
    .reply = "{'type':'object','required':['content'],'properties':{'content':{'type':'string'}}}"};

const api_operation llamacpp_tokenize = {&llamacpp, read_tokenize, bound_tokens, write_tokenize,
                                         &tokenize_form};
const api_operation llamacpp_detokenize = {&llamacpp, read_detokenize, bound_tokens, write_detokenize,
                                           &detokenize_form};
const api_operation llamacpp_embedding = {&llamacpp, read_embedding, bound_embedding, write_embedding,
                                          &embedding_form};
/* Errors have OpenAI's form, because most who send to this path are its clients. */
const api_operation llamacpp_embeddings = {&openai_dialect, read_either, bound_embedding, write_embedding,
                                           &either_form};
