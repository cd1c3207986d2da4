/* vLLM's POST /score and /v1/score: a score for each pair of texts, in their order.
 *
 * The two sides have names of several ages: queries and documents or items, text_1 and text_2, data_1 and data_2. Each is a text
 * or a list; one text stands beside all of the other side's. */
#include "api/api.h"

#include "api/field.h"
#include "api/input.h"
#include "api/options.h"
#include "api/ranking.h"
#include "base/json_text.h"
#include "base/memory.h"

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

static aki_text text_of(const json_t *value, size_t index)
{
    const json_t *text = json_is_array(value) ? json_array_get(value, index) : value;
    return (aki_text){json_string_value(text), json_string_length(text)};
}

/* Checks the first side, and its number against the second one's. */
static bool check_firsts(const api_call *call, const char *name, const json_t *firsts, http_error *error)
{
    const size_t count = json_is_array(firsts) ? json_array_size(firsts) : 1;
    if (firsts == NULL || json_is_null(firsts)) {
        http_error_set(error, HTTP_ERROR_MISSING_FIELD, name, "the field %s is missing", name);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *text = json_is_array(firsts) ? json_array_get(firsts, i) : firsts;
        if (!json_is_string(text))
            return field_refuse_type(error, name, "a string or a list of strings", text);
        if (json_string_length(text) == 0) {
            http_error_set(error, HTTP_ERROR_EMPTY_TEXT, name, "%s has an empty string", name);
            return false;
        }
    }
    if (count == 0)
        http_error_set(error, HTTP_ERROR_EMPTY_INPUT, name, "%s is an empty list", name);
    else if (count != 1 && count != call->count)
        http_error_set(error, HTTP_ERROR_INVALID_VALUE, name,
                       "%s has %zu texts and the other side %zu: send one, or as many as there", name, count,
                       call->count);
    return count == 1 || (count > 0 && count == call->count);
}

static bool read_pairs(api_call *call, const api_service *service, http_error *error)
{
    const size_t of = names_of(call->root);
    const json_t *firsts = json_object_get(call->root, names[of].first),
                 *seconds = json_object_get(call->root, names[of].second);
    if (!input_read(call, names[of].second, seconds, INPUT_STRING, service, error) ||
        !check_firsts(call, names[of].first, firsts, error))
        return false;
    const size_t count = json_is_array(firsts) ? json_array_size(firsts) : 1;
    aki_text *texts = mem_alloc(count, sizeof *texts);
    if (texts == NULL) {
        http_error_set(error, HTTP_ERROR_OUT_OF_MEMORY, NULL, "no memory for the texts");
        return false;
    }
    for (size_t i = 0; i < count; i++)
        texts[i] = text_of(firsts, i);
    const bool done = ranking_pair(call, texts, count, service, error);
    mem_free(texts);
    return done;
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
