/* Ollama's dialect: POST /api/embed, /api/embeddings, /api/show and /api/pull, GET /api/tags, /api/ps and /api/version.
 *
 * Names have the tag ":latest". keep_alive counts for models that may be unloaded; the others stay whatever it says. Of
 * "options" only num_ctx counts. Durations are whole nanoseconds: clients fail on fractions. */
#include "api/api.h"

#include "api/field.h"
#include "api/input.h"
#include "api/options.h"
#include "api/vector_json.h"
#include "base/error.h"
#include "base/json_text.h"
#include "base/memory.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The release whose interface this is; clients ask before they use what is newer. */
#define OLLAMA_VERSION "0.17.4"
#define TAIL_BYTES 512
/* Of one model in a list, whose name JSON may make six times as long. */
#define LISTED_BYTES ((size_t)6 << 10)
/* Nobody means a longer one to end. */
#define LONGEST_KEEP_MS 1e15

static unsigned write_error(const http_error *error, const api_service *service, const char *request_id,
                            buf *out);

static const api_hint hints[] = {API_HINTS_WITHOUT_PARAM, {HTTP_ERROR_TOTAL, NULL}};

static const api_dialect ollama = {.text_field = "input",
                                   .example = "{\"model\":\"NAME\",\"input\":[\"hello\"]}",
                                   .any_media_type = true,
                                   .hints = hints,
                                   .write_error = write_error};

static bool read_name(api_call *call, const char *name, const json_t *value, const api_service *service,
                      http_error *error)
{
    (void)call;
    char asked[256];
    if (!json_is_string(value))
        return field_refuse_type(error, name, "a string", value);
    snprintf(asked, sizeof asked, "%s", json_string_value(value));
    api_cut_tag(asked, API_OLLAMA_TAG);
    if (asked[0] == '\0' || api_choose_model(service, asked, name, error))
        return true;
    if (error->code == HTTP_ERROR_MODEL_NOT_FOUND)
        http_error_set(error, HTTP_ERROR_MODEL_NOT_FOUND, name, "model '%.128s' not found",
                       json_string_value(value));
    return false;
}

/* "5m", "1h30m", "300ms"; a sign before it. False: it is none. */
static bool parse_duration(const char *text, int64_t *ms)
{
    static const struct {
        const char *name;
        double ms;
    } units[] = {{"ms", 1}, {"us", 1e-3}, {"ns", 1e-6}, {"h", 3600000}, {"m", 60000}, {"s", 1000}};
    const double sign = *text == '-' ? -1 : 1;
    double sum = 0;
    text += *text == '-' || *text == '+';
    do {
        char *end;
        size_t unit = 0;
        if (!isdigit((unsigned char)*text) && *text != '.')
            return false;
        const double number = strtod(text, &end);
        while (unit < sizeof units / sizeof units[0] &&
               strncmp(end, units[unit].name, strlen(units[unit].name)) != 0)
            unit++;
        if (unit == sizeof units / sizeof units[0])
            return false;
        sum += number * units[unit].ms;
        text = end + strlen(units[unit].name);
    } while (*text != '\0');
    *ms = sum < LONGEST_KEEP_MS ? (int64_t)(sign * sum) : sign < 0 ? -1 : INT64_MAX;
    return true;
}

/* Seconds, or a duration; below 0 = for ever. */
static bool read_keep_alive(api_call *call, const char *name, const json_t *value, const api_service *service,
                            http_error *error)
{
    (void)service;
    int64_t ms = 0;
    const bool number = json_is_number(value);
    if (!number && !json_is_string(value))
        return field_refuse_type(error, name, "seconds, or a duration such as \"5m\"", value);
    if (number) {
        const double seconds = json_number_value(value);
        ms = seconds * 1000 < LONGEST_KEEP_MS ? (int64_t)(seconds < 0 ? -1 : seconds * 1000) : INT64_MAX;
    } else if (!parse_duration(json_string_value(value), &ms)) {
        http_error_set(error, HTTP_ERROR_INVALID_VALUE, name,
                       "%s is seconds, or a duration such as \"5m\", not \"%.64s\"", name,
                       json_string_value(value));
        return false;
    }
    call->keeps_model = true;
    call->keep_alive_ms = ms < 0 ? INT64_MAX : ms;
    return true;
}

/* "num_ctx" of the options: a text has no more tokens. Less than a text has at least is as good as nothing. */
static bool read_options(api_call *call, const char *name, const json_t *value, const api_service *service,
                         http_error *error)
{
    json_int_t tokens;
    const json_t *context = json_object_get(value, "num_ctx");
    if (!json_is_object(value))
        return field_refuse_type(error, name, "an object", value);
    if (context == NULL || json_is_null(context))
        return true;
    if (!field_read_number(context, "num_ctx", -1, &tokens, error))
        return false;
    if (tokens > (json_int_t)tokenizer_special_count(encoder_tokenizer(service->enc)))
        call->max_tokens = (size_t)tokens;
    return true;
}

static const api_field fields[] = {{"model", read_name},          {"keep_alive", read_keep_alive},
                                   {"truncate", option_truncate}, {"dimensions", option_dimensions_at_most},
                                   {"options", read_options},     {NULL, NULL}};

/* Nothing to embed is no error: clients load a model that way. */
static bool is_nothing(const json_t *value)
{
    return value == NULL || json_is_null(value) ||
           (json_is_string(value) && json_string_length(value) == 0) ||
           (json_is_array(value) && json_array_size(value) == 0);
}

static bool read_texts(api_call *call, const char *field, unsigned shapes, const api_request *request,
                       const api_service *service, http_error *error)
{
    if (!input_load(call, request, field, service, error) ||
        !options_read(call, call->root, fields, service, error))
        return false;
    const json_t *value = json_object_get(call->root, field);
    if (is_nothing(value))
        return true;
    const json_t *first = json_is_array(value) ? json_array_get(value, 0) : NULL;
    if (json_is_number(first) || json_is_array(first)) {
        http_error_set(error, HTTP_ERROR_INVALID_TYPE, field, "invalid input type");
        return false;
    }
    return input_read(call, field, value, shapes | INPUT_STRING | INPUT_EMPTY, service, error) &&
           input_cut(call, service, error);
}

static bool read_embed(api_call *call, const api_request *request, const api_service *service,
                       http_error *error)
{
    return read_texts(call, "input", 0, request, service, error);
}

/* The old form: one text, which it does not normalise beyond what the model itself does. */
static bool read_prompt(api_call *call, const api_request *request, const api_service *service,
                        http_error *error)
{
    if (!read_texts(call, "prompt", 0, request, service, error))
        return false;
    call->options.normalize = AKI_MODEL_DEFAULT;
    call->dimensions = 0;
    if (call->count <= 1)
        return true;
    http_error_set(error, HTTP_ERROR_INVALID_TYPE, "prompt", "prompt must be a string, not a list");
    return false;
}

static size_t bound_embed(const api_call *call, const api_result *result, const api_service *service)
{
    const size_t all = vector_json_bound(call, result, 8),
                 tail = TAIL_BYTES + 6 * strlen(service->model_name);
    return all < SIZE_MAX - tail ? all + tail : SIZE_MAX;
}

static void write_name(const char *model, buf *out)
{
    char name[300];
    snprintf(name, sizeof name, "%.280s" API_OLLAMA_TAG, model);
    json_text_append_string(out, name);
}

static aki_status write_embed(const api_call *call, const api_result *result, const api_service *service,
                              buf *out, aki_error *error)
{
    vector_json_writer w;
    buf_append_string(out, "{\"model\":");
    json_text_append_string(out, service->model_name);
    buf_append_string(out, ",\"embeddings\":");
    aki_status status = vector_json_writer_open(&w, call, result, error);
    if (status == AKI_OK)
        status = vector_json_append_all(&w, API_OUTPUT_FLOAT, out, error);
    vector_json_writer_close(&w);
    buf_printf(out, ",\"total_duration\":%lld,\"load_duration\":0,\"prompt_eval_count\":%zu}\n",
               (long long)result->duration_ns, api_tokens(result));
    return status;
}

static aki_status write_embeddings(const api_call *call, const api_result *result, const api_service *service,
                                   buf *out, aki_error *error)
{
    (void)service;
    vector_json_writer w;
    buf_append_string(out, "{\"embedding\":");
    aki_status status = vector_json_writer_open(&w, call, result, error);
    if (result->count == 0)
        buf_append_string(out, "[]");
    else if (status == AKI_OK)
        status = vector_json_append(&w, 0, API_OUTPUT_FLOAT, out, error);
    vector_json_writer_close(&w);
    buf_append_string(out, "}\n");
    return status;
}

/* ---- The model ---------------------------------------------------------------------------------------- */

static const api_field names[] = {{"model", read_name}, {"name", read_name}, {NULL, NULL}};

static bool read_show(api_call *call, const api_request *request, const api_service *service,
                      http_error *error)
{
    return input_load(call, request, "input", service, error) &&
           options_read(call, call->root, names, service, error);
}

/* One model that is not loaded yet: clients come again. Of several, those are listed that there are. */
static bool read_list(api_call *call, const api_request *request, const api_service *service,
                      http_error *error)
{
    (void)call, (void)request;
    api_listed *models = mem_alloc(API_LISTED_MAX, sizeof *models);
    if (models == NULL) {
        http_error_set(error, HTTP_ERROR_OUT_OF_MEMORY, NULL, "no memory for the list of models");
        return false;
    }
    const bool loading = api_list_models(service, models) == 1 && !models[0].loaded;
    if (loading)
        http_error_set(error, HTTP_ERROR_LOADING, NULL, "the model is still being loaded");
    mem_free(models);
    return !loading;
}

/* RFC 3339 with a zone: Go's client fails on less. */
static void write_time(int64_t unix_s, buf *out)
{
    struct tm parts;
    char text[40];
    const time_t when = (time_t)unix_s;
    gmtime_r(&when, &parts);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    json_text_append_string(out, text);
}

static const char *level_of(aki_precision precision)
{
    switch (precision) {
    case AKI_PRECISION_FP32:
        return "F32";
    case AKI_PRECISION_BF16:
        return "BF16";
    case AKI_PRECISION_INT8:
        return "I8";
    case AKI_PRECISION_INT4:
        return "I4";
    case AKI_PRECISION_AUTO:
        break;
    default:
        break;
    }
    return "unknown";
}

static void write_details(const api_listed *m, buf *out)
{
    const char *family = m->loaded ? m->architecture : "";
    buf_printf(out,
               "\"details\":{\"parent_model\":\"\",\"format\":\"safetensors\",\"family\":\"%s\",\"families\":"
               "[\"%s\"],"
               "\"parameter_size\":\"\",\"quantization_level\":\"%s\",\"context_length\":%zu,"
               "\"embedding_length\":%zu}",
               family, family, m->loaded ? level_of(m->precision) : "unknown", m->max_tokens, m->dimension);
}

/* The digest is not that of anything: Ollama's command line cuts 12 characters off it without looking. */
static void write_listed(const api_listed *m, buf *out)
{
    buf_append_string(out, "{\"name\":");
    write_name(m->name, out);
    buf_append_string(out, ",\"model\":");
    write_name(m->name, out);
    buf_printf(out, ",\"size\":%zu,\"digest\":\"%064d\",", m->weight_bytes, 0);
    write_details(m, out);
}

/* Ollama has no word for classifiers: they have no capability of its list. */
static const char *capabilities_of(const char *kind)
{
    return kind == NULL || strcmp(kind, "embedding") == 0 ? "[\"embedding\"]" : "[]";
}

static void write_tag(const api_listed *m, const api_service *service, buf *out)
{
    write_listed(m, out);
    buf_append_string(out, ",\"modified_at\":");
    write_time(service->started_s, out);
    buf_printf(out, ",\"capabilities\":%s}", capabilities_of(m->kind));
}

static void write_running(const api_listed *m, const api_service *service, buf *out)
{
    enum { YEARS_100_S = 3155760000 };
    write_listed(m, out);
    buf_append_string(out, ",\"expires_at\":");
    write_time(m->expires_s > 0 ? m->expires_s : service->started_s + (int64_t)YEARS_100_S, out);
    buf_printf(out, ",\"size_vram\":0,\"context_length\":%zu}", m->max_tokens);
}

static aki_status write_all(const api_service *service, bool loaded_alone,
                            void (*write)(const api_listed *m, const api_service *service, buf *out),
                            buf *out, aki_error *error)
{
    api_listed *models = mem_alloc(API_LISTED_MAX, sizeof *models);
    if (models == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the list of models");
    const size_t count = api_list_models(service, models);
    const char *separator = "";
    buf_append_string(out, "{\"models\":[");
    for (size_t i = 0; i < count; i++) {
        if (loaded_alone && !models[i].loaded)
            continue;
        buf_append_string(out, separator);
        write(&models[i], service, out);
        separator = ",";
    }
    buf_append_string(out, "]}\n");
    mem_free(models);
    return AKI_OK;
}

static size_t bound_list(const api_call *call, const api_result *result, const api_service *service)
{
    (void)call, (void)result, (void)service;
    return API_LISTED_MAX * LISTED_BYTES;
}

static aki_status write_tags(const api_call *call, const api_result *result, const api_service *service,
                             buf *out, aki_error *error)
{
    (void)call, (void)result;
    return write_all(service, false, write_tag, out, error);
}

static aki_status write_ps(const api_call *call, const api_result *result, const api_service *service,
                           buf *out, aki_error *error)
{
    (void)call, (void)result;
    return write_all(service, true, write_running, out, error);
}

static aki_status write_show(const api_call *call, const api_result *result, const api_service *service,
                             buf *out, aki_error *error)
{
    (void)call, (void)result, (void)error;
    aki_model_info info;
    encoder_describe(service->enc, &info);
    const char *a = info.architecture;
    buf_append_string(out, "{\"license\":\"\",\"modelfile\":\"\",\"parameters\":\"\",\"template\":\"\",");
    const api_listed listed = {.loaded = true,
                               .architecture = a,
                               .precision = info.precision,
                               .dimension = encoder_dimension(service->enc),
                               .max_tokens = encoder_max_tokens(service->enc)};
    write_details(&listed, out);
    buf_printf(out, ",\"model_info\":{\"general.architecture\":\"%s\",\"general.basename\":", a);
    json_text_append_string(out, service->model_name);
    buf_printf(out,
               ",\"%s.context_length\":%zu,\"%s.embedding_length\":%zu,\"%s.block_count\":%zu,"
               "\"%s.feed_forward_length\":%zu,\"%s.attention.head_count\":%zu,\"%s.vocab_size\":%zu},",
               a, encoder_max_tokens(service->enc), a, encoder_dimension(service->enc), a, info.layers, a,
               info.intermediate_size, a, info.heads, a, info.vocabulary_size);
    buf_printf(out, "\"capabilities\":%s,\"modified_at\":", capabilities_of(api_kind(service->enc)));
    write_time(service->started_s, out);
    buf_append_string(out, "}\n");
    return AKI_OK;
}

static aki_status write_version(const api_call *call, const api_result *result, const api_service *service,
                                buf *out, aki_error *error)
{
    (void)call, (void)result, (void)service, (void)error;
    buf_append_string(out, "{\"version\":\"" OLLAMA_VERSION "\"}\n");
    return AKI_OK;
}

/* The served model is there. Another one is an error: models are named when the service starts. One line is a stream of
 * one, so "stream" changes nothing. */
static aki_status write_pull(const api_call *call, const api_result *result, const api_service *service,
                             buf *out, aki_error *error)
{
    (void)call, (void)result, (void)service, (void)error;
    buf_append_string(out, "{\"status\":\"success\"}\n");
    return AKI_OK;
}

/* ---- Errors ------------------------------------------------------------------------------------------- */

/* "error" must be a string, and no client comes again by itself: a full queue is 503, as in Ollama. */
static unsigned write_error(const http_error *error, const api_service *service, const char *request_id,
                            buf *out)
{
    (void)request_id;
    char text[API_ERROR_TEXT_BYTES];
    if (error->code == HTTP_ERROR_TEXT_TOO_LONG)
        snprintf(text, sizeof text, "the input length exceeds the context length");
    else if (error->code == HTTP_ERROR_MODEL_NOT_FOUND)
        snprintf(text, sizeof text, "%s", error->message);
    else
        api_error_text(error, &ollama, service, text);
    buf_append_string(out, "{\"error\":");
    json_text_append_visible(out, text, strlen(text));
    buf_append_string(out, "}\n");
    return error->code == HTTP_ERROR_OVERLOADED ? 503 : http_error_status(error->code);
}

/* ---- For /openapi.json -------------------------------------------------------------------------------- */

#define NAME "'model':{'type':['string','null']}"
#define KEEP "'keep_alive':{'type':['string','number','null']}"
#define OPTIONS "'options':{'type':['object','null'],'properties':{'num_ctx':{'type':['integer','null']}}}"
#define MODELS_REPLY "{'type':'object','required':['models'],'properties':{'models':{'type':'array'}}}"

static const api_description embed_form = {
    .members = NAME ",'input':{'$ref':'#/components/schemas/Texts'}," KEEP "," OPTIONS,
    .fields = {fields},
    .reply = "{'type':'object','required':['model','embeddings','total_duration','load_duration',"
             "'prompt_eval_count'],'properties':{'embeddings':{'$ref':'#/components/schemas/Vectors'}}}"};
static const api_description prompt_form = {.members = NAME ",'prompt':{'type':'string'}," KEEP "," OPTIONS,
                                            .fields = {fields},
                                            .example = "{'model':'','prompt':'hello'}",
                                            .reply =
                                                "{'type':'object','required':['embedding'],'properties':{"
                                                "'embedding':{'$ref':'#/components/schemas/Vector'}}}"};
static const api_description show_form = {.members = NAME ",'name':{'type':['string','null']}",
                                          .fields = {names},
                                          .example = "{'model':''}",
                                          .reply = "{'type':'object','required':['model_info']}"};
static const api_description pull_form = {
    .members = NAME ",'name':{'type':['string','null']},'stream':{'type':['boolean','null']}",
    .fields = {names},
    .example = "{'model':''}",
    .reply = "{'type':'object','required':['status'],'properties':{'status':{'const':'success'}}}"};
static const api_description models_form = {.reply = MODELS_REPLY};
static const api_description version_form = {.reply = "{'type':'object','required':['version']}"};

const api_operation ollama_embed = {&ollama, read_embed, bound_embed, write_embed, &embed_form};
const api_operation ollama_embeddings = {&ollama, read_prompt, bound_embed, write_embeddings, &prompt_form};
const api_operation ollama_tags = {&ollama, read_list, bound_list, write_tags, &models_form};
const api_operation ollama_show = {&ollama, read_show, NULL, write_show, &show_form};
const api_operation ollama_pull = {&ollama, read_show, NULL, write_pull, &pull_form};
const api_operation ollama_ps = {&ollama, read_list, bound_list, write_ps, &models_form};
const api_operation ollama_version = {&ollama, NULL, NULL, write_version, &version_form};
