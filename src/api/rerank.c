/* Reranking as Cohere, Jina, vLLM, infinity, Voyage and Weaviate's reranker-transformers have it: POST /rerank, /v1/rerank and
 * /v2/rerank.
 *
 * The services share these paths, so the body tells whose it is: TEI's has "texts"; Weaviate's "property"; Voyage's "top_k" or
 * "truncation"; the others cannot be told apart, and get one reply with what each of their clients reads. Errors likewise have
 * Cohere's "message", Jina's and Voyage's "detail" and the "error" of OpenAI and vLLM. */
#include "api/api.h"

#include "api/field.h"
#include "api/input.h"
#include "api/options.h"
#include "api/ranking.h"
#include "api/tei.h"
#include "base/json_text.h"

#include <string.h>

enum { RERANK_V1, RERANK_V2 };
/* {"index":…,"relevance_score":…,"document":{"text":…}}, without the text. */
#define ITEM_BYTES 96

static unsigned write_error(const http_error *error, const api_service *service, const char *request_id,
                            buf *out);
static unsigned write_weaviate_error(const http_error *error, const api_service *service,
                                     const char *request_id, buf *out);

#define EXAMPLE                                                                                              \
    "{\"model\":\"NAME\",\"query\":\"what is a cat\",\"documents\":[\"a cat is an animal\",\"a car\"]}"

static const api_dialect rerank_dialect = {.text_field = "documents",
                                           .example = EXAMPLE,
                                           .any_media_type = true,
                                           .bare_key = true,
                                           .write_error = write_error};
static const api_dialect nim_dialect = {
    .text_field = "passages", .example = EXAMPLE, .any_media_type = true, .write_error = write_error};
static const api_dialect weaviate_rerank_dialect = {.text_field = "documents",
                                                    .example = EXAMPLE,
                                                    .any_media_type = true,
                                                    .write_error = write_weaviate_error};

static const api_field fields[] = {
    {"model", option_model},
    {"top_n", option_top},
    {"return_documents", option_returns},
    {"max_tokens_per_doc", option_second_tokens},
    {"truncate_prompt_tokens", option_max_tokens}, /* vLLM */
    {"truncation_side", option_side},              /* vLLM */
    {"truncate", option_truncate},                 /* infinity, Jina */
    {"raw_scores", option_raw},                    /* infinity */
    {"use_activation", option_activation},         /* vLLM */
    {"activation", option_activation},             /* vLLM, its older name */
    {"priority", option_priority},
    {"instruction", option_instruction},
    {NULL, NULL},
};
static const api_field voyage_fields[] = {{"model", option_model},
                                          {"top_k", option_top},
                                          {"return_documents", option_returns},
                                          {"truncation", option_truncate},
                                          {NULL, NULL}};
static const api_field nim_fields[] = {{"truncate", option_truncate}, {NULL, NULL}};
static const api_field nim_model[] = {{"model", option_model}, {NULL, NULL}};
static const api_field weaviate_fields[] = {{"property", option_without_effect}, {NULL, NULL}};

/* ---- Reading ------------------------------------------------------------------------------------------ */

/* An object's other fields would be part of what Cohere ranks. */
static bool check_rank_fields(const json_t *root, http_error *error)
{
    static const char name[] = "rank_fields";
    const json_t *list = field_given(root, name);
    if (list == NULL)
        return true;
    const char *only = json_string_value(json_array_get(list, 0));
    if (json_array_size(list) == 1 && only != NULL && strcmp(only, "text") == 0)
        return true;
    http_error_set(
        error, HTTP_ERROR_INVALID_VALUE, name,
        "rank_fields can only be [\"text\"]: send what is to be ranked as the documents' \"text\"");
    return false;
}

static bool read_fields(api_call *call, const api_field *of, const api_service *service, http_error *error)
{
    call->scores = AKI_SCORES_PROBABILITY;
    return ranking_fits(service, ENCODER_RERANKS, error) &&
           options_read(call, call->root, of, service, error);
}

static bool read_documents(api_call *call, const api_service *service, http_error *error)
{
    return ranking_read(call, "query", "documents", INPUT_OBJECTS, service, error);
}

static bool read_voyage(api_call *call, const api_service *service, http_error *error)
{
    call->as = &voyage_rerank;
    return read_fields(call, voyage_fields, service, error) && read_documents(call, service, error);
}

static bool read_weaviate(api_call *call, const api_service *service, http_error *error)
{
    call->as = &weaviate_rerank;
    call->keeps_input = true; /* the reply repeats the texts */
    return read_fields(call, weaviate_fields, service, error) && read_documents(call, service, error);
}

/* Though it be null: who has a field of that name is a client of the service that it belongs to. */
static bool has(const json_t *root, const char *name)
{
    return json_object_get(root, name) != NULL;
}

static bool read_rerank(api_call *call, const api_request *request, int variant, const api_service *service,
                        http_error *error)
{
    if (!input_load(call, request, "documents", service, error))
        return false;
    if (field_given(call->root, "texts") != NULL && field_given(call->root, "documents") == NULL) {
        call->as = &tei_rerank;
        return tei_rerank_fields(call, service, error);
    }
    if (has(call->root, "property"))
        return read_weaviate(call, service, error);
    if (has(call->root, "top_k") || has(call->root, "truncation"))
        return read_voyage(call, service, error);
    call->variant = variant;
    return read_fields(call, fields, service, error) && check_rank_fields(call->root, error) &&
           read_documents(call, service, error);
}

static bool read_v1(api_call *call, const api_request *request, const api_service *service, http_error *error)
{
    return read_rerank(call, request, RERANK_V1, service, error);
}

static bool read_v2(api_call *call, const api_request *request, const api_service *service, http_error *error)
{
    return read_rerank(call, request, RERANK_V2, service, error);
}

/* NIM: a path may name the model too. */
static bool read_nim(api_call *call, const api_request *request, const api_service *service,
                     http_error *error)
{
    if (!input_load(call, request, "passages", service, error) ||
        (request->name[0] != '\0' && !api_choose_model(service, request->name, "model", error)) ||
        !options_read(call, call->root, nim_model, service, error) ||
        !read_fields(call, nim_fields, service, error))
        return false;
    call->scores = AKI_SCORES_RAW;
    return ranking_read(call, "query", "passages", INPUT_OBJECTS, service, error);
}

/* ---- Writing ------------------------------------------------------------------------------------------ */

static size_t bound_rerank(const api_call *call, const api_result *result, const api_service *service)
{
    return ranking_bound(call, result, ITEM_BYTES) + 6 * strlen(service->model_name);
}

/* "[{"index":…,"relevance_score":…},…]", best first. as_object: a document is {"text":…}, else a string. */
static aki_status write_results(const api_call *call, const ranking *r, bool as_object, buf *out,
                                aki_error *error)
{
    aki_status status = AKI_OK;
    buf_append_char(out, '[');
    for (size_t i = 0; i < r->told && status == AKI_OK; i++) {
        const size_t index = r->order[i];
        buf_printf(out, "%s{\"index\":%zu,\"relevance_score\":", i > 0 ? "," : "", index);
        status = ranking_append_score(r->scores[index], index, out, error);
        if (call->returns_documents) {
            buf_append_string(out, as_object ? ",\"document\":{\"text\":" : ",\"document\":");
            ranking_append_text(call, index, out);
            if (as_object)
                buf_append_char(out, '}');
        }
        buf_append_char(out, '}');
    }
    buf_append_char(out, ']');
    return status;
}

static void write_usage(const api_call *call, const api_result *result, buf *out)
{
    const size_t tokens = api_tokens(result);
    size_t cut = 0;
    for (size_t i = 0; i < result->count; i++)
        cut += result->info[i].truncated;
    buf_printf(
        out,
        ",\"usage\":{\"prompt_tokens\":%zu,\"total_tokens\":%zu},\"meta\":{\"api_version\":{\"version\":"
        "\"%d\"},\"billed_units\":{\"search_units\":1},\"tokens\":{\"input_tokens\":%zu}",
        tokens, tokens, call->variant == RERANK_V2 ? 2 : 1, tokens);
    if (cut > 0)
        buf_printf(out,
                   ",\"warnings\":[\"%zu of %zu pairs had more tokens than the model takes and were cut\"]",
                   cut, result->count);
    buf_append_char(out, '}');
}

static aki_status write_rerank(const api_call *call, const api_result *result, const api_service *service,
                               buf *out, aki_error *error)
{
    ranking r;
    aki_status status = ranking_open(&r, call, result, service, error);
    if (status == AKI_OK) {
        buf_append_string(out, "{\"id\":");
        json_text_append_string(out, result->request_id);
        buf_append_string(out, ",\"object\":\"list\",\"model\":");
        json_text_append_string(out, service->model_name);
        buf_append_string(out, ",\"results\":");
        status = write_results(call, &r, true, out, error);
        write_usage(call, result, out);
        buf_append_string(out, "}\n");
    }
    ranking_close(&r);
    return status;
}

static aki_status write_voyage(const api_call *call, const api_result *result, const api_service *service,
                               buf *out, aki_error *error)
{
    ranking r;
    aki_status status = ranking_open(&r, call, result, service, error);
    if (status == AKI_OK) {
        buf_append_string(out, "{\"object\":\"list\",\"data\":");
        status = write_results(call, &r, false, out, error);
        buf_append_string(out, ",\"model\":");
        json_text_append_string(out, service->model_name);
        buf_printf(out, ",\"usage\":{\"total_tokens\":%zu}}\n", api_tokens(result));
    }
    ranking_close(&r);
    return status;
}

static aki_status write_nim(const api_call *call, const api_result *result, const api_service *service,
                            buf *out, aki_error *error)
{
    ranking r;
    aki_status status = ranking_open(&r, call, result, service, error);
    buf_append_string(out, "{\"rankings\":[");
    for (size_t i = 0; i < r.told && status == AKI_OK; i++) {
        buf_printf(out, "%s{\"index\":%zu,\"logit\":", i > 0 ? "," : "", r.order[i]);
        status = ranking_append_score(r.scores[r.order[i]], r.order[i], out, error);
        buf_append_char(out, '}');
    }
    const size_t tokens = api_tokens(result);
    buf_printf(out, "],\"usage\":{\"prompt_tokens\":%zu,\"total_tokens\":%zu}}\n", tokens, tokens);
    ranking_close(&r);
    return status;
}

/* In the order of the documents. */
static aki_status write_weaviate(const api_call *call, const api_result *result, const api_service *service,
                                 buf *out, aki_error *error)
{
    const json_t *query = json_object_get(call->root, "query"),
                 *property = json_object_get(call->root, "property");
    ranking r;
    aki_status status = ranking_open(&r, call, result, service, error);
    if (status == AKI_OK) {
        buf_append_string(out, "{\"query\":");
        json_text_append(out, json_string_value(query), json_string_length(query));
        buf_append_string(out, ",\"scores\":[");
        for (size_t i = 0; i < r.count && status == AKI_OK; i++) {
            buf_append_string(out, i > 0 ? ",{\"document\":" : "{\"document\":");
            ranking_append_text(call, i, out);
            buf_append_string(out, ",\"score\":");
            status = ranking_append_score(r.scores[i], i, out, error);
            buf_append_char(out, '}');
        }
        buf_append_string(out, "],\"property\":");
        json_text_append(out, json_is_string(property) ? json_string_value(property) : "",
                         json_string_length(property));
        buf_append_string(out, "}\n");
    }
    ranking_close(&r);
    return status;
}

static size_t bound_weaviate(const api_call *call, const api_result *result, const api_service *service)
{
    (void)service;
    return ranking_bound(call, result, ITEM_BYTES) +
           6 * (json_string_length(json_object_get(call->root, "query")) +
                json_string_length(json_object_get(call->root, "property")));
}

/* ---- Errors ------------------------------------------------------------------------------------------- */

static unsigned write_error(const http_error *error, const api_service *service, const char *request_id,
                            buf *out)
{
    char text[API_ERROR_TEXT_BYTES], param[80];
    api_error_text(error, &rerank_dialect, service, text);
    api_error_param(error, &rerank_dialect, param);
    buf_append_string(out, "{\"id\":");
    json_text_append_string(out, request_id);
    static const char *const names[] = {",\"message\":", ",\"detail\":", ",\"error\":{\"message\":"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        buf_append_string(out, names[i]);
        json_text_append_visible(out, text, strlen(text));
    }
    buf_printf(out, ",\"type\":\"%s\",\"param\":", http_error_type(error->code));
    if (param[0] != '\0')
        json_text_append_string(out, param);
    else
        buf_append_string(out, "null");
    buf_printf(out, ",\"code\":\"%s\"}}\n", http_error_name(error->code));
    return http_error_status(error->code);
}

static unsigned write_weaviate_error(const http_error *error, const api_service *service,
                                     const char *request_id, buf *out)
{
    (void)request_id;
    char text[API_ERROR_TEXT_BYTES];
    api_error_text(error, &weaviate_rerank_dialect, service, text);
    buf_append_string(out, "{\"error\":");
    json_text_append_visible(out, text, strlen(text));
    buf_append_string(out, "}\n");
    return http_error_status(error->code);
}

/* ---- The operations ----------------------------------------------------------------------------------- */

#define PAIRS                                                                                                \
    "'query':{'type':['string','object']},'documents':{'type':'array','minItems':1,'items':{'anyOf':["       \
    "{'type':'string'},{'type':'object','required':['text']}]}}"
#define RESULT "{'type':'object','required':['index','relevance_score']}"
/* TEI's, Voyage's and Weaviate's bodies come to the same paths. */
#define REPLY                                                                                                \
    "{'anyOf':[{'type':'object','required':['id','results','usage','meta'],'properties':{'results':{"        \
    "'type':'array','items':" RESULT "}}},{'type':'object','required':['object','data','usage']},"           \
    "{'type':'object','required':['query','scores']},{'type':'array'}]}"

static const api_description rerank_form = {.members = PAIRS
                                            ",'texts':{},'rank_fields':{},'top_k':{'type':['integer','null'],"
                                            "'minimum':0},'truncation':{'type':['boolean','null']}",
                                            .fields = {fields},
                                            .required = "'query'",
                                            .reply = REPLY};

static const api_description nim_form = {
    .members = "'query':{'type':['string','object']},'passages':{'type':'array','minItems':1,'items':{"
               "'anyOf':[{'type':'string'},{'type':'object','required':['text']}]}}",
    .fields = {nim_model, nim_fields},
    .required = "'query','passages'",
    .example =
        "{'query':{'text':'what is a cat'},'passages':[{'text':'a cat is an animal'},{'text':'a car'}]}",
    .reply = "{'type':'object','required':['rankings'],'properties':{'rankings':{'type':'array','items':{"
             "'type':'object','required':['index','logit']}}}}"};

const api_operation cohere_v1_rerank = {&rerank_dialect, read_v1,      bound_rerank,
                                        write_rerank,    &rerank_form, .use = ENCODER_RERANKS};
const api_operation cohere_v2_rerank = {&rerank_dialect, read_v2,      bound_rerank,
                                        write_rerank,    &rerank_form, .use = ENCODER_RERANKS};
/* Bodies that only their shape tells. */
const api_operation voyage_rerank = {&rerank_dialect, NULL,         bound_rerank,
                                     write_voyage,    &rerank_form, .use = ENCODER_RERANKS};
const api_operation weaviate_rerank = {&weaviate_rerank_dialect, NULL,         bound_weaviate,
                                       write_weaviate,           &rerank_form, .use = ENCODER_RERANKS};
const api_operation nim_rerank = {&nim_dialect, read_nim,  bound_rerank,
                                  write_nim,    &nim_form, .use = ENCODER_RERANKS};
