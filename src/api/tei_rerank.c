/* TEI's routes for classifiers: POST /rerank and /predict; and POST /, which is the route of the model's task there.
 *
 * /rerank also takes the bodies of the services that share the path (rerank.c). /predict answers one input with a list of
 * labels and a batch with a list of such lists, as POST / does always, because the clients that send there read that alone; of the inputs ["a","b"] is one pair, [["a"],["b"]] are two texts. */
#include "api/api.h"

#include "api/field.h"
#include "api/input.h"
#include "api/options.h"
#include "api/ranking.h"
#include "api/tei.h"
#include "base/error.h"
#include "base/json_text.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>

/* {"index":…,"text":…,"score":…}, without the text. */
#define ITEM_BYTES 64
/* {"score":…,"label":"…"}, without the label. */
#define LABEL_BYTES 64

static const api_field rerank_fields[] = {{"truncate", option_truncate},
                                          {"truncation_direction", option_side},
                                          {"raw_scores", option_raw},
                                          {"return_text", option_returns},
                                          {NULL, NULL}};
static const api_field predict_fields[] = {{"truncate", option_truncate},
                                           {"truncation_direction", option_side},
                                           {"raw_scores", option_raw},
                                           {NULL, NULL}};

/* ---- /rerank ------------------------------------------------------------------------------------------ */

static bool read_rerank_options(api_call *call, const api_service *service, http_error *error)
{
    call->scores = AKI_SCORES_PROBABILITY;
    return ranking_fits(service, ENCODER_RERANKS, error) &&
           options_read(call, call->root, rerank_fields, service, error);
}

bool tei_rerank_fields(api_call *call, const api_service *service, http_error *error)
{
    return read_rerank_options(call, service, error) &&
           ranking_read(call, "query", "texts", 0, service, error);
}

bool tei_rerank_each_fields(api_call *call, const api_service *service, http_error *error)
{
    return read_rerank_options(call, service, error) &&
           ranking_read_sides(call, "query", "texts", 0, service, error);
}

static bool read_rerank(api_call *call, const api_request *request, const api_service *service,
                        http_error *error)
{
    if (!input_load(call, request, "texts", service, error))
        return false;
    if (field_given(call->root, "texts") != NULL || json_object_get(call->root, "documents") == NULL)
        return tei_rerank_fields(call, service, error);
    json_decref(call->root);
    call->root = NULL;
    call->as = &cohere_v1_rerank;
    return cohere_v1_rerank.read(call, request, service, error);
}

static size_t bound_rerank(const api_call *call, const api_result *result, const api_service *service)
{
    (void)service;
    return ranking_bound(call, result, ITEM_BYTES);
}

static aki_status write_rerank(const api_call *call, const api_result *result, const api_service *service,
                               buf *out, aki_error *error)
{
    ranking r;
    aki_status status = ranking_open(&r, call, result, service, error);
    buf_append_char(out, '[');
    for (size_t i = 0; i < r.told && status == AKI_OK; i++) {
        const size_t index = r.order[i];
        buf_printf(out, "%s{\"index\":%zu", i > 0 ? "," : "", index);
        if (call->returns_documents) {
            buf_append_string(out, ",\"text\":");
            ranking_append_text(call, index, out);
        }
        buf_append_string(out, ",\"score\":");
        status = ranking_append_score(r.scores[index], index, out, error);
        buf_append_char(out, '}');
    }
    buf_append_string(out, "]\n");
    ranking_close(&r);
    return status;
}

/* ---- /predict ----------------------------------------------------------------------------------------- */

enum { PREDICT_ONE, PREDICT_BATCH, PREDICT_NESTED };

static bool is_list_of_strings(const json_t *value, size_t least, size_t most)
{
    size_t index;
    const json_t *item;
    if (!json_is_array(value) || json_array_size(value) < least || json_array_size(value) > most)
        return false;
    json_array_foreach(value, index, item) if (!json_is_string(item)) return false;
    return true;
}

static aki_text text_of(const json_t *string)
{
    return (aki_text){json_string_value(string), json_string_length(string)};
}

/* An input: a string, or a list of one or two. *pair: there are two. */
static bool read_input(api_call *call, aki_text *firsts, size_t index, const json_t *value, bool *pair,
                       http_error *error)
{
    char param[32];
    snprintf(param, sizeof param, "texts[%zu]", index);
    if (!json_is_string(value) && !is_list_of_strings(value, 1, 2))
        return field_refuse_type(error, param, "a string, or a list of one or two strings", value);
    const json_t *first = json_is_string(value) ? value : json_array_get(value, 0);
    const json_t *second = json_is_string(value) ? NULL : json_array_get(value, 1);
    *pair = second != NULL;
    firsts[index] = text_of(first);
    call->texts[index] = second != NULL ? text_of(second) : text_of(first);
    if (firsts[index].length > 0)
        return true;
    http_error_set(error, HTTP_ERROR_EMPTY_TEXT, param, "text %zu is the empty string", index);
    return false;
}

static bool read_all(api_call *call, aki_text *firsts, const json_t *inputs, bool *pairs, http_error *error)
{
    for (size_t i = 0; i < call->count; i++) {
        bool pair = false;
        const json_t *value = call->variant == PREDICT_BATCH ? json_array_get(inputs, i) : inputs;
        if (!read_input(call, firsts, i, value, &pair, error))
            return false;
        if (i > 0 && pair != *pairs) {
            http_error_set(error, HTTP_ERROR_INVALID_VALUE, "inputs",
                           "inputs mixes single texts and pairs: send them in two requests");
            return false;
        }
        *pairs = pair;
    }
    return true;
}

static bool count_inputs(api_call *call, const json_t *inputs, const api_service *service, http_error *error)
{
    if (inputs == NULL || json_is_null(inputs)) {
        http_error_set(error, HTTP_ERROR_MISSING_FIELD, "inputs", "the field inputs is missing");
        return false;
    }
    call->variant = json_is_array(json_array_get(inputs, 0)) ? PREDICT_BATCH : PREDICT_ONE;
    call->count = call->variant == PREDICT_BATCH ? json_array_size(inputs) : 1;
    if (json_is_array(inputs) && json_array_size(inputs) == 0) {
        http_error_set(error, HTTP_ERROR_EMPTY_INPUT, "inputs", "inputs is an empty list");
        return false;
    }
    if (call->count <= service->max_texts)
        return true;
    http_error_set(error, HTTP_ERROR_TOO_MANY_TEXTS, "inputs", "%zu texts; one request takes at most %zu",
                   call->count, service->max_texts);
    return false;
}

static bool read_inputs(api_call *call, const api_service *service, http_error *error)
{
    const json_t *inputs = json_object_get(call->root, "inputs");
    if (!count_inputs(call, inputs, service, error)) {
        call->count = 0;
        return false;
    }
    bool pairs = false;
    aki_text *firsts = mem_alloc(call->count, sizeof *firsts);
    call->texts = mem_zalloc(call->count, sizeof *call->texts);
    bool done = firsts != NULL && call->texts != NULL;
    if (!done)
        http_error_set(error, HTTP_ERROR_OUT_OF_MEMORY, NULL, "no memory for the texts");
    done =
        done && read_all(call, firsts, inputs, &pairs, error) &&
        (pairs ? ranking_pair(call, firsts, call->count, service, error) : input_cut(call, service, error));
    mem_free(firsts);
    return done;
}

bool tei_predict_fields(api_call *call, const api_service *service, http_error *error)
{
    call->scores = AKI_SCORES_PROBABILITY;
    return ranking_fits(service, ENCODER_CLASSIFIES, error) &&
           options_read(call, call->root, predict_fields, service, error) &&
           read_inputs(call, service, error);
}

static bool read_predict(api_call *call, const api_request *request, const api_service *service,
                         http_error *error)
{
    return input_load(call, request, "inputs", service, error) && tei_predict_fields(call, service, error);
}

bool tei_root_classifies(api_call *call, const api_service *service, bool *done, http_error *error)
{
    if (encoder_task(service->enc) != AKI_TASK_CLASSIFY)
        return false;
    const bool ranks = field_given(call->root, "inputs") == NULL;
    call->as = ranks ? &tei_rerank : &tei_predict;
    *done = ranks ? tei_rerank_fields(call, service, error) : tei_predict_fields(call, service, error);
    if (!ranks && call->variant == PREDICT_ONE)
        call->variant = PREDICT_NESTED;
    return true;
}

static size_t bound_predict(const api_call *call, const api_result *result, const api_service *service)
{
    (void)call;
    size_t labels = 0;
    for (size_t i = 0; i < result->dimension; i++)
        labels += LABEL_BYTES + 6 * strlen(encoder_label(service->enc, i));
    return 64 + result->count * (labels + 4);
}

/* "[{"score":…,"label":…},…]", the most probable first. scores: [dimension], changed. */
static aki_status write_labels(const api_call *call, const api_result *result, const api_service *service,
                               size_t index, float *scores, size_t *order, buf *out, aki_error *error)
{
    const size_t labels = result->dimension;
    aki_status status = AKI_OK;
    memcpy(scores, result->vectors + index * labels, labels * sizeof *scores);
    encoder_scores(service->enc, call->scores, scores);
    encoder_order(scores, labels, order);
    buf_append_char(out, '[');
    for (size_t i = 0; i < labels && status == AKI_OK; i++) {
        buf_append_string(out, i > 0 ? ",{\"score\":" : "{\"score\":");
        status = ranking_append_score(scores[order[i]], index, out, error);
        buf_append_string(out, ",\"label\":");
        json_text_append_string(out, encoder_label(service->enc, order[i]));
        buf_append_char(out, '}');
    }
    buf_append_char(out, ']');
    return status;
}

static aki_status write_predict(const api_call *call, const api_result *result, const api_service *service,
                                buf *out, aki_error *error)
{
    float *scores = mem_alloc(result->dimension, sizeof *scores);
    size_t *order = mem_alloc(result->dimension, sizeof *order);
    const bool batch = call->variant != PREDICT_ONE;
    aki_status status = scores != NULL && order != NULL
                            ? AKI_OK
                            : error_set(error, AKI_OUT_OF_MEMORY, "no memory for the reply");
    if (batch)
        buf_append_char(out, '[');
    for (size_t i = 0; i < result->count && status == AKI_OK; i++) {
        if (i > 0)
            buf_append_char(out, ',');
        status = write_labels(call, result, service, i, scores, order, out, error);
    }
    buf_append_string(out, batch ? "]\n" : "\n");
    mem_free(scores);
    mem_free(order);
    return status;
}

#define RANKS                                                                                                \
    "{'type':'array','items':{'type':'object','required':['index','score'],'properties':{"                   \
    "'index':{'type':'integer'},'score':{'type':'number'},'text':{'type':'string'}}}}"

/* The bodies of other services have "documents". */
static const api_description rerank_form = {
    .members = "'query':{},'texts':{'type':'array','minItems':1,'items':{'type':'string'}},'documents':{}",
    .fields = {rerank_fields},
    .required = "'query'",
    .example = "{'query':'what is a cat','texts':['a cat is an animal','a car']}",
    .reply = "{'anyOf':[" RANKS ",{'type':'object'}]}"};
static const api_description predict_form = {
    .members = "'inputs':{'anyOf':[{'type':'string'},{'type':'array','minItems':1}]}",
    .fields = {predict_fields},
    .required = "'inputs'",
    .example = "{'inputs':'I like it'}",
    .reply = "{'type':'array'}"};

const api_operation tei_rerank = {&tei_dialect, read_rerank,  bound_rerank,
                                  write_rerank, &rerank_form, .use = ENCODER_RERANKS};
const api_operation tei_predict = {&tei_dialect,  read_predict,  bound_predict,
                                   write_predict, &predict_form, .use = ENCODER_CLASSIFIES};
