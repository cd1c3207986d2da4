#include "api/ranking.h"

#include "api/field.h"
#include "api/float_text.h"
#include "api/input.h"
#include "base/error.h"
#include "base/json_text.h"
#include "base/memory.h"
#include "tokenizer/token_pair.h"

#include <stdio.h>
#include <string.h>

#define TAIL_BYTES 1024

static bool no_memory(http_error *error)
{
    http_error_set(error, HTTP_ERROR_OUT_OF_MEMORY, NULL, "no memory for the documents");
    return false;
}

bool ranking_fits(const api_service *service, encoder_use use, http_error *error)
{
    aki_error own;
    if (encoder_check_use(service->enc, use, &own) == AKI_OK)
        return true;
    http_error_from(error, &own);
    return false;
}

/* A string, or an object with one under "text". */
static bool read_query(const json_t *root, const char *name, aki_text *query, http_error *error)
{
    const json_t *value = json_object_get(root, name);
    const json_t *text = json_is_object(value) ? json_object_get(value, "text") : value;
    if (value == NULL || json_is_null(value)) {
        http_error_set(error, HTTP_ERROR_MISSING_FIELD, name, "the field %s is missing", name);
        return false;
    }
    if (!json_is_string(text))
        return field_refuse_type(error, name, "a string", value);
    *query = (aki_text){json_string_value(text), json_string_length(text)};
    if (query->length > 0)
        return true;
    http_error_set(error, HTTP_ERROR_EMPTY_TEXT, name, "%s is the empty string", name);
    return false;
}

static bool keep(scheduler_ids *out, const token_span *span, http_error *error)
{
    out->ids = mem_alloc(span->count, sizeof *out->ids);
    if (out->ids == NULL)
        return no_memory(error);
    memcpy(out->ids, span->ids, span->count * sizeof *out->ids);
    out->count = span->count;
    out->truncated = span->truncated;
    out->second = span->second;
    return true;
}

static bool tokenize(api_call *call, const aki_text *firsts, size_t firsts_count, tokenizer_scratch *scratch,
                     const api_service *service, http_error *error)
{
    const token_pair_limits limits = {
        .max_tokens = call->max_tokens, .second_tokens = call->second_tokens, .keep_tail = call->keep_tail};
    for (size_t i = 0; i < call->count; i++) {
        token_span span;
        aki_error own;
        aki_status status = AKI_OK;
        if (i < firsts_count)
            status = encoder_pair_first(service->enc, scratch, call->instruction, firsts[i], &own);
        if (status == AKI_OK)
            status = encoder_pair_second(service->enc, scratch, call->texts[i], &limits,
                                         call->options.refuse_long, &span, &own);
        if (status != AKI_OK) {
            own.text_index = i;
            http_error_from(error, &own);
            return false;
        }
        if (!keep(&call->ids[i], &span, error))
            return false;
    }
    return true;
}

bool ranking_pair(api_call *call, const aki_text *firsts, size_t firsts_count, const api_service *service,
                  http_error *error)
{
    call->ids = mem_zalloc(call->count, sizeof *call->ids);
    tokenizer_scratch *scratch = tokenizer_scratch_open();
    const bool done = call->ids != NULL && scratch != NULL
                          ? tokenize(call, firsts, firsts_count, scratch, service, error)
                          : no_memory(error);
    tokenizer_scratch_close(scratch);
    return done;
}

bool ranking_read(api_call *call, const char *query_name, const char *documents_name, unsigned shapes,
                  const api_service *service, http_error *error)
{
    aki_text query;
    call->keeps_input = call->keeps_input || call->returns_documents;
    return read_query(call->root, query_name, &query, error) &&
           input_read(call, documents_name, json_object_get(call->root, documents_name), shapes, service,
                      error) &&
           ranking_pair(call, &query, 1, service, error);
}

static aki_text text_at(const json_t *value, size_t index)
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

bool ranking_read_sides(api_call *call, const char *firsts_name, const char *seconds_name, unsigned shapes,
                        const api_service *service, http_error *error)
{
    const json_t *firsts = json_object_get(call->root, firsts_name),
                 *seconds = json_object_get(call->root, seconds_name);
    call->keeps_input = call->keeps_input || call->returns_documents;
    if (!input_read(call, seconds_name, seconds, shapes, service, error) ||
        !check_firsts(call, firsts_name, firsts, error))
        return false;
    const size_t count = json_is_array(firsts) ? json_array_size(firsts) : 1;
    aki_text *texts = mem_alloc(count, sizeof *texts);
    if (texts == NULL)
        return no_memory(error);
    for (size_t i = 0; i < count; i++)
        texts[i] = text_at(firsts, i);
    const bool done = ranking_pair(call, texts, count, service, error);
    mem_free(texts);
    return done;
}

aki_status ranking_open(ranking *r, const api_call *call, const api_result *result,
                        const api_service *service, aki_error *error)
{
    *r = (ranking){.count = result->count};
    r->told = call->top > 0 && call->top < result->count ? call->top : result->count;
    r->scores = mem_alloc(result->count, sizeof *r->scores);
    r->order = mem_alloc(result->count, sizeof *r->order);
    if (r->scores == NULL || r->order == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the reply");
    for (size_t i = 0; i < result->count; i++) {
        r->scores[i] = result->vectors[i];
        encoder_scores(service->enc, call->scores, &r->scores[i]);
    }
    encoder_order(r->scores, r->count, r->order);
    return AKI_OK;
}

void ranking_close(ranking *r)
{
    mem_free(r->scores);
    mem_free(r->order);
    *r = (ranking){0};
}

aki_status ranking_append_score(float score, size_t index, buf *out, aki_error *error)
{
    char text[FLOAT_TEXT_MAX];
    const size_t length = float_text_write(score, text);
    if (length == 0)
        return error_set(error, AKI_NOT_FINITE, "the score of document %zu is no number", index);
    buf_append(out, text, length);
    return AKI_OK;
}

void ranking_append_text(const api_call *call, size_t index, buf *out)
{
    json_text_append(out, call->texts[index].data, call->texts[index].length);
}

size_t ranking_bound(const api_call *call, const api_result *result, size_t extra)
{
    size_t all = TAIL_BYTES + result->count * (FLOAT_TEXT_MAX + extra);
    for (size_t i = 0; call->keeps_input && i < call->count; i++)
        all += 6 * call->texts[i].length;
    return all;
}
