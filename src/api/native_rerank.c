/* The service's own POST /api/v1/rerank. As in /api/v1/embed a field that is not known is refused. */
#include "api/api.h"

#include "api/field.h"
#include "api/input.h"
#include "api/options.h"
#include "api/ranking.h"
#include "base/clock.h"
#include "base/json_text.h"

#include <stdio.h>
#include <string.h>

/* {"index":…,"score":…,"document":…}, without the text, and a place in "truncated". */
#define ITEM_BYTES 96

static bool read_form(api_call *call, const char *name, const json_t *value, const api_service *service,
                      http_error *error)
{
    (void)service;
    static const field_choice forms[] = {{"model", AKI_SCORES_MODEL},
                                         {"raw", AKI_SCORES_RAW},
                                         {"probability", AKI_SCORES_PROBABILITY},
                                         {NULL, 0}};
    int chosen = AKI_SCORES_MODEL;
    if (!field_read_choice(value, name, forms, "\"model\", \"raw\" or \"probability\"", &chosen, error))
        return false;
    call->scores = (aki_scores)chosen;
    return true;
}

static bool read_truncate(api_call *call, const char *name, const json_t *value, const api_service *service,
                          http_error *error)
{
    (void)service;
    bool on = true;
    if (!field_read_switch(value, name, &on, error))
        return false;
    call->options.refuse_long = !on;
    return true;
}

static bool read_instruction(api_call *call, const char *name, const json_t *value,
                             const api_service *service, http_error *error)
{
    if (!option_instruction(call, name, value, service, error))
        return false;
    if (call->instruction.data != NULL || json_string_length(value) == 0)
        return true;
    http_error_set(error, HTTP_ERROR_INVALID_VALUE, name,
                   "the model ranks without an instruction: only language models that rank take one");
    return false;
}

static const api_field fields[] = {
    {"model", option_model},           {"top_n", option_top}, {"return_documents", option_returns},
    {"priority", option_priority},     {"scores", read_form}, {"truncate", read_truncate},
    {"instruction", read_instruction}, {NULL, NULL}};
#define FIELDS "query, documents, model, top_n, return_documents, scores, truncate, priority, instruction"

static bool is_known(const char *key)
{
    for (const api_field *f = fields; f->name != NULL; f++)
        if (strcmp(f->name, key) == 0)
            return true;
    return strcmp(key, "query") == 0 || strcmp(key, "documents") == 0;
}

static bool check_fields(json_t *root, http_error *error)
{
    const char *key;
    json_t *value;
    json_object_foreach(root, key, value)
    {
        if (is_known(key))
            continue;
        char param[sizeof error->param];
        snprintf(param, sizeof param, "%.60s", key);
        http_error_set(error, HTTP_ERROR_UNKNOWN_FIELD, param,
                       "there is no field \"%.100s\"; the fields are " FIELDS, key);
        return false;
    }
    return true;
}

static bool read_rerank(api_call *call, const api_request *request, const api_service *service,
                        http_error *error)
{
    return input_load(call, request, "documents", service, error) && check_fields(call->root, error) &&
           ranking_fits(service, ENCODER_RERANKS, error) &&
           options_read(call, call->root, fields, service, error) &&
           ranking_read(call, "query", "documents", 0, service, error);
}

static size_t bound_rerank(const api_call *call, const api_result *result, const api_service *service)
{
    return ranking_bound(call, result, ITEM_BYTES) + 6 * strlen(service->model_name);
}

static aki_status write_rerank(const api_call *call, const api_result *result, const api_service *service,
                               buf *out, aki_error *error)
{
    ranking r;
    aki_status status = ranking_open(&r, call, result, service, error);
    buf_append_string(out, "{\"results\":[");
    for (size_t i = 0; i < r.told && status == AKI_OK; i++) {
        const size_t index = r.order[i];
        buf_printf(out, "%s{\"index\":%zu,\"score\":", i > 0 ? "," : "", index);
        status = ranking_append_score(r.scores[index], index, out, error);
        if (call->returns_documents) {
            buf_append_string(out, ",\"document\":");
            ranking_append_text(call, index, out);
        }
        buf_append_char(out, '}');
    }
    ranking_close(&r);
    buf_append_string(out, "],\"model\":");
    json_text_append_string(out, service->model_name);
    const int64_t us = result->duration_ns > 0 ? result->duration_ns / (NS_PER_MS / 1000) : 0;
    buf_printf(out, ",\"usage\":{\"total_tokens\":%zu,\"duration_ms\":%lld.%03lld}", api_tokens(result),
               (long long)(us / 1000), (long long)(us % 1000));
    api_append_truncated(result, out);
    buf_append_string(out, "}\n");
    return status;
}

static unsigned write_error(const http_error *error, const api_service *service, const char *request_id,
                            buf *out);

static const api_dialect native_rerank_dialect = {
    .text_field = "documents",
    .example = "{\"query\":\"what is a cat\",\"documents\":[\"a cat is an animal\",\"a car\"]}",
    .write_error = write_error};

static unsigned write_error(const http_error *error, const api_service *service, const char *request_id,
                            buf *out)
{
    (void)request_id;
    char text[API_ERROR_TEXT_BYTES];
    http_error own = *error;
    api_error_text(error, &native_rerank_dialect, service, text);
    if (strncmp(own.param, "texts[", 6) == 0)
        snprintf(own.param, sizeof own.param, "documents[%.40s", error->param + 6);
    http_error_write_as(&own, text, out);
    return http_error_status(error->code);
}

static const api_description rerank_form = {
    .members = "'query':{'type':'string','minLength':1},'documents':{'type':'array','minItems':1,'items':{"
               "'type':'string'}},'scores':{'enum':['model','raw','probability',null]},"
               "'truncate':{'type':['boolean','null']},'instruction':{'type':['string','null']}",
    .fields = {fields},
    .required = "'query','documents'",
    .reply =
        "{'type':'object','required':['results','model','usage'],'properties':{'results':{'type':'array',"
        "'items':{'type':'object','required':['index','score']}},'model':{'type':'string'},"
        "'usage':{'type':'object'},'truncated':{'type':'array','items':{'type':'integer'}}}}"};

const api_operation native_rerank = {&native_rerank_dialect, read_rerank,  bound_rerank,
                                     write_rerank,           &rerank_form, .use = ENCODER_RERANKS};
