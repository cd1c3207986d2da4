/* OpenAI's dialect, with what Azure, Jina, Voyage, NIM and vLLM add to its fields: POST /v1/embeddings and its other
 * paths, GET /v1/models.
 *
 * A text that is too long is cut, as everywhere in this service, and the reply says which ones were ("truncated");
 * "truncate":false refuses it in OpenAI's words, which clients parse. Jina's and Voyage's clients look for the message in
 * "detail", so errors have both. */
#include "api/api.h"

#include "api/input.h"
#include "api/options.h"
#include "api/vector_json.h"
#include "base/error.h"
#include "base/json_text.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>

/* Around a vector: {"object":"embedding","index":…,"embedding":…}, the names of its types, and its place in "truncated". */
#define ITEM_BYTES 192
#define TAIL_BYTES 512

static unsigned write_error(const http_error *error, const api_service *service, const char *request_id,
                            buf *out);

/* Without limits in its first reply, Weaviate sends one text per request for ever. */
static const char *const headers[][2] = {{"x-ratelimit-limit-requests", "1000000"},
                                         {"x-ratelimit-limit-tokens", "1000000000"},
                                         {"x-ratelimit-remaining-requests", "1000000"},
                                         {"x-ratelimit-remaining-tokens", "1000000000"},
                                         {"x-ratelimit-reset-requests", "1s"},
                                         {"x-ratelimit-reset-tokens", "1s"},
                                         {NULL, NULL}};

const api_dialect openai_dialect = {.text_field = "input",
                                    .example = "{\"input\":[\"hello\"]}",
                                    .any_media_type = true,
                                    .write_error = write_error,
                                    .headers = headers};

static const api_field fields[] = {
    {"encoding_format", option_format},
    {"dimensions", option_dimensions},
    {"output_dimension", option_dimensions},       /* Voyage */
    {"output_dtype", option_type},                 /* Voyage */
    {"embedding_type", option_type_or_types},      /* Jina */
    {"normalized", option_normalize},              /* Jina */
    {"task", option_purpose},                      /* Jina */
    {"late_chunking", option_refused},             /* Jina */
    {"return_multivector", option_refused},        /* Jina */
    {"truncate", option_truncate},                 /* NIM, Jina */
    {"truncation", option_truncate},               /* Voyage */
    {"truncate_prompt_tokens", option_max_tokens}, /* vLLM */
    {"truncation_side", option_side},              /* vLLM */
    {"normalize", option_normalize},               /* vLLM */
    {"use_activation", option_normalize},          /* vLLM */
    {"priority", option_priority},                 /* vLLM */
    {"add_special_tokens", option_always},         /* vLLM */
    {"embed_dtype", option_float32},               /* vLLM */
    {"endianness", option_little_endian},          /* vLLM */
    {"input_type", option_purpose},                /* NIM, Voyage */
    {NULL, NULL},
};

/* NIM's clients say what the text is for behind the model's name. */
static bool read_model(api_call *call, const char *name, const json_t *value, const api_service *service,
                       http_error *error)
{
    static const struct {
        const char *tag, *purpose;
    } tags[] = {{"-query", "query"}, {"-passage", "passage"}};
    http_error again;
    if (option_model(call, name, value, service, error))
        return true;
    for (size_t i = 0; i < sizeof tags / sizeof tags[0] && error->code == HTTP_ERROR_MODEL_NOT_FOUND; i++) {
        const size_t length = json_string_length(value), tag = strlen(tags[i].tag);
        char asked[256];
        if (length <= tag || length >= sizeof asked)
            continue;
        snprintf(asked, sizeof asked, "%s", json_string_value(value));
        api_cut_tag(asked, tags[i].tag);
        if (strlen(asked) + tag != length || !api_choose_model(service, asked, name, &again))
            continue;
        json_t *purpose = json_string(tags[i].purpose);
        const bool done = option_purpose(call, name, purpose, service, error);
        json_decref(purpose);
        return done;
    }
    return false;
}

static const api_field model_field[] = {{"model", read_model}, {NULL, NULL}};

/* "encoding_format":"base64" is of floats, or with Voyage's output_dtype of the bytes of that type. */
static void settle_output(api_call *call)
{
    if (call->outputs == 0)
        call->outputs = API_OUTPUT_FLOAT;
    if (call->outputs == API_OUTPUT_FLOAT && call->packed)
        call->outputs = API_OUTPUT_BASE64;
}

static bool read_input(api_call *call, const api_service *service, http_error *error)
{
    const unsigned shapes = INPUT_STRING | INPUT_OBJECTS | INPUT_EMPTY | (service->takes_ids ? INPUT_IDS : 0);
    if (!options_read(call, call->root, fields, service, error))
        return false;
    settle_output(call);
    if (service->foreign_ids != NULL &&
        !cl100k_replace_ids(service->foreign_ids, call->root, "input", service->max_body_bytes, error))
        return false;
    return input_read(call, "input", json_object_get(call->root, "input"), shapes, service, error) &&
           options_check(call, service, error) && input_cut(call, service, error);
}

static bool read_embeddings(api_call *call, const api_request *request, const api_service *service,
                            http_error *error)
{
    return input_load(call, request, "input", service, error) &&
           options_read(call, call->root, model_field, service, error) && read_input(call, service, error);
}

/* Azure: the path names the model, whatever the body says. */
static bool read_deployment(api_call *call, const api_request *request, const api_service *service,
                            http_error *error)
{
    return api_choose_model(service, request->name, "model", error) &&
           input_load(call, request, "input", service, error) && read_input(call, service, error);
}

static size_t bound_embeddings(const api_call *call, const api_result *result, const api_service *service)
{
    const size_t all = vector_json_bound(call, result, ITEM_BYTES),
                 tail = TAIL_BYTES + 6 * strlen(service->model_name);
    return all < SIZE_MAX - tail ? all + tail : SIZE_MAX;
}

static aki_status write_items(const api_call *call, const api_result *result, buf *out, aki_error *error)
{
    vector_json_writer w;
    const bool several = (call->outputs & (call->outputs - 1)) != 0;
    aki_status status = vector_json_writer_open(&w, call, result, error);
    for (size_t i = 0; i < result->count && status == AKI_OK; i++) {
        buf_printf(out, "%s{\"object\":\"embedding\",\"index\":%zu,\"embedding\":", i > 0 ? "," : "", i);
        status = several ? vector_json_append_types(&w, i, out, error)
                         : vector_json_append(&w, i, (api_output)call->outputs, out, error);
        buf_append_char(out, '}');
    }
    vector_json_writer_close(&w);
    return status;
}

static aki_status write_embeddings(const api_call *call, const api_result *result, const api_service *service,
                                   buf *out, aki_error *error)
{
    buf_append_string(out, "{\"object\":\"list\",\"data\":[");
    aki_status status = write_items(call, result, out, error);
    const size_t tokens = api_tokens(result);
    buf_append_string(out, "],\"model\":");
    json_text_append_string(out, service->model_name);
    buf_printf(out, ",\"usage\":{\"prompt_tokens\":%zu,\"total_tokens\":%zu}", tokens, tokens);
    api_append_truncated(result, out);
    buf_append_string(out, "}\n");
    return status;
}

static void write_model(const char *name, const api_service *service, buf *out)
{
    buf_append_string(out, "{\"id\":");
    json_text_append_string(out, name);
    buf_printf(out, ",\"object\":\"model\",\"created\":%lld,\"owned_by\":\"akidb-embed\"}",
               (long long)service->started_s);
}

/* In Cohere's words. Of a model that is not loaded it is not known. */
static const char *endpoint_of(const api_listed *m)
{
    if (!m->loaded || strcmp(m->kind, "embedding") == 0)
        return "embed";
    return strcmp(m->kind, "reranker") == 0 ? "rerank" : "classify";
}

/* Cohere's client asks the same path for "models". */
static aki_status write_models(const api_call *call, const api_result *result, const api_service *service,
                               buf *out, aki_error *error)
{
    (void)call, (void)result;
    api_listed *models = mem_alloc(API_LISTED_MAX, sizeof *models);
    if (models == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the list of models");
    const size_t count = api_list_models(service, models);
    buf_append_string(out, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < count; i++) {
        buf_append_string(out, i > 0 ? "," : "");
        write_model(models[i].name, service, out);
    }
    buf_append_string(out, "],\"models\":[");
    for (size_t i = 0; i < count; i++) {
        buf_append_string(out, i > 0 ? ",{\"name\":" : "{\"name\":");
        json_text_append_string(out, models[i].name);
        buf_printf(out, ",\"endpoints\":[\"%s\"]}", endpoint_of(&models[i]));
    }
    buf_append_string(out, "]}\n");
    mem_free(models);
    return AKI_OK;
}

/* Tells of a model whether it is loaded or not. */
static bool read_one(api_call *call, const api_request *request, const api_service *service,
                     http_error *error)
{
    (void)call;
    return api_choose_model(service, request->name, "model", error) || error->code == HTTP_ERROR_LOADING ||
           error->code == HTTP_ERROR_MODEL_FAILED;
}

static aki_status write_one(const api_call *call, const api_result *result, const api_service *service,
                            buf *out, aki_error *error)
{
    (void)call, (void)result, (void)error;
    write_model(service->model_name, service, out);
    buf_append_char(out, '\n');
    return AKI_OK;
}

static const char *type_of(http_error_code code)
{
    return code == HTTP_ERROR_OVERLOADED ? "rate_limit_error" : http_error_type(code);
}

static const char *code_of(http_error_code code)
{
    return code == HTTP_ERROR_TEXT_TOO_LONG ? "context_length_exceeded" : http_error_name(code);
}

/* pgai reads the number of "maximum context length is", Elasticsearch shortens a text when told to reduce the prompt. */
static void say(const http_error *error, const api_service *service, const char *param, buf *text)
{
    char plain[API_ERROR_TEXT_BYTES];
    if (error->code == HTTP_ERROR_TEXT_TOO_LONG && service->enc != NULL) {
        buf_printf(text,
                   "This model's maximum context length is %zu tokens, however %s has more. Please reduce "
                   "your prompt; "
                   "or completion length.",
                   encoder_max_tokens(service->enc), param[0] != '\0' ? param : "the input");
        return;
    }
    api_error_text(error, &openai_dialect, service, plain);
    buf_append_string(text, plain);
}

static unsigned write_error(const http_error *error, const api_service *service, const char *request_id,
                            buf *out)
{
    (void)request_id;
    char param[80];
    buf text;
    buf_init(&text, API_ERROR_TEXT_BYTES);
    api_error_param(error, &openai_dialect, param);
    say(error, service, param, &text);
    buf_append_string(out, "{\"error\":{\"message\":");
    json_text_append_visible(out, text.data != NULL ? text.data : "", text.length);
    buf_printf(out, ",\"type\":\"%s\",\"param\":", type_of(error->code));
    if (param[0] != '\0')
        json_text_append_string(out, param);
    else
        buf_append_string(out, "null");
    buf_printf(out, ",\"code\":\"%s\"},\"detail\":", code_of(error->code));
    json_text_append_visible(out, text.data != NULL ? text.data : "", text.length);
    buf_append_string(out, "}\n");
    buf_free(&text);
    return http_error_status(error->code);
}

#define LIST_REPLY                                                                                           \
    "{'type':'object','required':['object','data','model','usage'],'properties':{'object':{'const':'list'}," \
    "'data':{'type':'array','items':{'type':'object','required':['object','index','embedding'],"             \
    "'properties':{'object':{'const':'embedding'},'index':{'type':'integer'},"                               \
    "'embedding':{'$ref':'#/components/schemas/Embedding'}}}},'model':{'type':'string'},"                    \
    "'usage':{'$ref':'#/components/schemas/Usage'},"                                                         \
    "'truncated':{'type':'array','items':{'type':'integer'}}}}"
#define MODEL_REPLY "{'type':'object','required':['id','object','created','owned_by']}"

static const api_description embeddings_form = {.members = "'input':{'$ref':'#/components/schemas/Input'},"
                                                           "'model':{'type':['string','null']}",
                                                .fields = {model_field, fields},
                                                .required = "'input'",
                                                .reply = LIST_REPLY};
static const api_description deployment_form = {
    .members = "'input':{'$ref':'#/components/schemas/Input'},'model':{}",
    .fields = {fields},
    .required = "'input'",
    .reply = LIST_REPLY};
static const api_description models_form = {
    .reply = "{'type':'object','required':['object','data'],'properties':{'object':{'const':'list'},"
             "'data':{'type':'array','items':" MODEL_REPLY "}}}"};
static const api_description model_form = {.reply = MODEL_REPLY};

const api_operation openai_embeddings = {&openai_dialect, read_embeddings, bound_embeddings, write_embeddings,
                                         &embeddings_form};
const api_operation openai_deployment_embeddings = {&openai_dialect, read_deployment, bound_embeddings,
                                                    write_embeddings, &deployment_form};
const api_operation openai_models = {&openai_dialect, NULL, NULL, write_models, &models_form};
const api_operation openai_model = {&openai_dialect, read_one, NULL, write_one, &model_form};
