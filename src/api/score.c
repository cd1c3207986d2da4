/* vLLM's POST /score and /v1/score: a score for each pair of texts, in their order.
 *
 * The two sides have names of several ages: queries and documents or items, text_1 and text_2, data_1 and data_2. Each is a text
 * or a list; one text stands beside all of the other side's. */
#include "api/api.h"

#include "api/input.h"
#include "api/options.h"
#include "api/ranking.h"
#include "base/json_text.h"

#include <string.h>

/* {"index":…,"object":"score","score":…} */
#define ITEM_BYTES 64

static const api_field fields[] = {{"model", option_model},
                                   {"truncate_prompt_tokens", option_max_tokens},
                                   {"truncation_side", option_side},
                                   {"use_activation", option_activation},
                                   {"activation", option_activation},
                                   {"priority", option_priority},
                                   {NULL, NULL}};

static const struct {
    const char *first, *second;
} names[] = {{"queries", "documents"}, {"queries", "items"}, {"text_1", "text_2"}, {"data_1", "data_2"}};
#define NAMES (sizeof names / sizeof names[0])

/* The names that the body has; the first ones where it has none. */
static size_t names_of(const json_t *root)
{
    for (size_t i = 0; i < NAMES; i++)
        if (json_object_get(root, names[i].second) != NULL)
            return i;
    return 0;
}

static bool read_pairs(api_call *call, const api_service *service, http_error *error)
{
    const size_t of = names_of(call->root);
    return ranking_read_sides(call, names[of].first, names[of].second, INPUT_STRING, service, error);
}

static bool read_score(api_call *call, const api_request *request, const api_service *service,
                       http_error *error)
{
    if (!input_load(call, request, "documents", service, error))
        return false;
    call->scores = AKI_SCORES_PROBABILITY;
    return ranking_fits(service, ENCODER_RERANKS, error) &&
           options_read(call, call->root, fields, service, error) && read_pairs(call, service, error);
}

static size_t bound_score(const api_call *call, const api_result *result, const api_service *service)
{
    return ranking_bound(call, result, ITEM_BYTES) + 6 * strlen(service->model_name);
}

static aki_status write_score(const api_call *call, const api_result *result, const api_service *service,
                              buf *out, aki_error *error)
{
    aki_status status = AKI_OK;
    const size_t tokens = api_tokens(result);
    buf_append_string(out, "{\"id\":");
    json_text_append_string(out, result->request_id);
    buf_append_string(out, ",\"object\":\"list\",\"model\":");
    json_text_append_string(out, service->model_name);
    buf_append_string(out, ",\"data\":[");
    for (size_t i = 0; i < result->count && status == AKI_OK; i++) {
        float score = result->vectors[i];
        encoder_scores(service->enc, call->scores, &score);
        buf_printf(out, "%s{\"index\":%zu,\"object\":\"score\",\"score\":", i > 0 ? "," : "", i);
        status = ranking_append_score(score, i, out, error);
        buf_append_char(out, '}');
    }
    buf_printf(out, "],\"usage\":{\"prompt_tokens\":%zu,\"total_tokens\":%zu}}\n", tokens, tokens);
    return status;
}

#define SIDE "{'type':['string','array','null'],'items':{'type':'string'}}"

static const api_description score_form = {
    .members = "'queries':" SIDE ",'documents':" SIDE ",'items':" SIDE ",'text_1':" SIDE ",'text_2':" SIDE
               ",'data_1':" SIDE ",'data_2':" SIDE,
    .fields = {fields},
    .example = "{'text_1':'what is a cat','text_2':['a cat is an animal','a car']}",
    .reply = "{'type':'object','required':['id','object','data','model','usage'],'properties':{'data':{"
             "'type':'array','items':{'type':'object','required':['index','object','score']}}}}"};

const api_operation vllm_score = {&openai_dialect, read_score,  bound_score,
                                  write_score,     &score_form, .use = ENCODER_RERANKS};
