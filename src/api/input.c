#include "api/input.h"

#include "api/body.h"
#include "api/field.h"
#include "api/options.h"
#include "base/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* JSON values beyond the texts: OpenAI takes 300,000 tokens in a request. */
#define SPARE_VALUES 300064

static bool no_memory(http_error *error)
{
    http_error_set(error, HTTP_ERROR_OUT_OF_MEMORY, NULL, "no memory for the texts");
    return false;
}

bool input_load(api_call *call, const api_request *request, const char *text_field,
                const api_service *service, http_error *error)
{
    const body_shape shape = {.text_field = text_field,
                              .max_texts = service->max_texts,
                              .max_values = service->max_texts + SPARE_VALUES};
    call->options = (aki_embed_options){.pooling = AKI_POOLING_MODEL, .normalize = AKI_ON};
    return body_load(&call->root, request->body, request->length, &shape, error);
}

static bool read_string(api_call *call, size_t index, const char *param, const json_t *value, unsigned shapes,
                        http_error *error)
{
    /* Nothing is left of a blank, so its tokens are those of an empty text. */
    static const aki_text blank = {" ", 1};
    const json_t *text =
        json_is_object(value) && (shapes & INPUT_OBJECTS) ? json_object_get(value, "text") : value;
    if (!json_is_string(text))
        return field_refuse_type(error, param,
                                 shapes & INPUT_OBJECTS ? "a string or {\"text\":\"…\"}" : "a string", value);
    call->texts[index] = (aki_text){json_string_value(text), json_string_length(text)};
    if (call->texts[index].length == 0 && (shapes & INPUT_EMPTY) != 0)
        call->texts[index] = blank;
    return true;
}

static bool read_ids(api_call *call, size_t index, const char *param, const json_t *list, unsigned shapes,
                     const api_service *service, http_error *error)
{
    const size_t count = json_array_size(list);
    aki_model_info model;
    encoder_describe(service->enc, &model);
    if ((shapes & INPUT_IDS) == 0) {
        http_error_set(
            error, HTTP_ERROR_INVALID_VALUE, param,
            "%s holds token ids, and this service takes texts only, because the ids of one tokenizer mean "
            "nothing to another. Send strings: in LangChain, check_embedding_ctx_length=False does it; "
            "or run this service with --token-ids cl100k",
            param);
        return false;
    }
    if (count == 0) {
        http_error_set(error, HTTP_ERROR_EMPTY_INPUT, param, "%s is an empty list", param);
        return false;
    }
    if (call->ids == NULL)
        call->ids = mem_zalloc(call->count, sizeof *call->ids);
    if (call->ids == NULL)
        return no_memory(error);
    int32_t *ids = call->ids[index].ids = mem_alloc(count, sizeof *ids);
    if (ids == NULL)
        return no_memory(error);
    call->ids[index].count = count;
    for (size_t i = 0; i < count; i++) {
        const json_t *id = json_array_get(list, i);
        if (!json_is_integer(id))
            return field_refuse_type(error, param, "a string, or a list of token ids", id);
        const json_int_t number = json_integer_value(id);
        if (number < 0 || (size_t)number >= model.vocabulary_size) {
            http_error_set(error, HTTP_ERROR_INVALID_VALUE, param,
                           "%s has the token id %lld%s; the model's are 0 to %zu", param, (long long)number,
                           field_beyond(number), model.vocabulary_size - 1);
            return false;
        }
        ids[i] = (int32_t)number;
    }
    return true;
}

static bool read_item(api_call *call, size_t index, const json_t *value, unsigned shapes,
                      const api_service *service, http_error *error)
{
    char param[32];
    snprintf(param, sizeof param, "texts[%zu]", index);
    if (json_is_array(value))
        return read_ids(call, index, param, value, shapes, service, error);
    return read_string(call, index, param, value, shapes, error);
}

static bool make_room(api_call *call, size_t count, const char *name, const api_service *service,
                      http_error *error)
{
    if (count == 0) {
        http_error_set(error, HTTP_ERROR_EMPTY_INPUT, name, "%s is an empty list", name);
        return false;
    }
    if (count > service->max_texts) {
        http_error_set(error, HTTP_ERROR_TOO_MANY_TEXTS, name, "%zu texts; one request takes at most %zu",
                       count, service->max_texts);
        return false;
    }
    call->texts = mem_zalloc(count, sizeof *call->texts);
    call->count = count;
    return call->texts != NULL || no_memory(error);
}

bool input_read(api_call *call, const char *name, const json_t *value, unsigned shapes,
                const api_service *service, http_error *error)
{
    if (value == NULL || json_is_null(value)) {
        http_error_set(error, HTTP_ERROR_MISSING_FIELD, name, "the field %s is missing", name);
        return false;
    }
    const bool one = !json_is_array(value) || json_is_number(json_array_get(value, 0));
    if (one && !json_is_array(value) && (shapes & INPUT_STRING) == 0)
        return field_refuse_type(error, name, "a list of strings", value);
    if (!make_room(call, one ? 1 : json_array_size(value), name, service, error))
        return false;
    if (one)
        return json_is_array(value) ? read_ids(call, 0, name, value, shapes, service, error)
                                    : read_string(call, 0, name, value, shapes, error);
    for (size_t i = 0; i < call->count; i++)
        if (!read_item(call, i, json_array_get(value, i), shapes, service, error))
            return false;
    return true;
}

/* Cuts ids[0..count) to `limit`, which has room for the special tokens; those around the rest stay. */
static void cut_ids(scheduler_ids *text, size_t limit, bool keep_tail, const tokenizer *tok)
{
    size_t before = 0, after = 0;
    while (before < tokenizer_special_before(tok) && tokenizer_is_special(tok, text->ids[before]))
        before++;
    while (after < tokenizer_special_count(tok) - tokenizer_special_before(tok) &&
           tokenizer_is_special(tok, text->ids[text->count - 1 - after]))
        after++;
    const size_t kept = limit - before - after;
    const size_t from = keep_tail ? text->count - after - kept : before;
    memmove(text->ids + before, text->ids + from, kept * sizeof *text->ids);
    memmove(text->ids + before + kept, text->ids + text->count - after, after * sizeof *text->ids);
    text->count = limit;
    text->truncated = true;
}

static bool refuse_long(size_t index, size_t limit, http_error *error)
{
    char param[32];
    snprintf(param, sizeof param, "texts[%zu]", index);
    http_error_set(error, HTTP_ERROR_TEXT_TOO_LONG, param,
                   "the text has more than the %zu tokens that are taken", limit);
    return false;
}

/* Tokenizes a text that is not cut in the model's own way; room: for it behind its prompt. */
static bool tokenize(api_call *call, size_t index, size_t limit, aki_text prompt, buf *room,
                     tokenizer_scratch *scratch, const tokenizer *tok, http_error *error)
{
    token_span span;
    aki_error own;
    aki_text text = call->texts[index];
    if (text.length > 0)
        text = encoder_join(room, prompt, text);
    if (text.data == NULL)
        return no_memory(error);
    aki_status status = tokenizer_encode(tok, scratch, text, call->keep_tail ? 0 : limit, &span, &own);
    if (status != AKI_OK) {
        own.text_index = index;
        http_error_from(error, &own);
        return false;
    }
    scheduler_ids *tokens = &call->ids[index];
    tokens->ids = mem_alloc(span.count, sizeof *tokens->ids);
    if (tokens->ids == NULL)
        return no_memory(error);
    memcpy(tokens->ids, span.ids, span.count * sizeof *tokens->ids);
    tokens->count = span.count;
    tokens->truncated = span.truncated;
    return true;
}

/* Ids for each text that has none, unless texts are cut in the model's own way; then all that are too long are cut. */
static bool cut_all(api_call *call, size_t limit, bool own_way, aki_text prompt, buf *room,
                    tokenizer_scratch *scratch, const tokenizer *tok, http_error *error)
{
    for (size_t i = 0; i < call->count; i++) {
        if (call->ids[i].ids == NULL && !own_way &&
            !tokenize(call, i, limit, prompt, room, scratch, tok, error))
            return false;
        if (call->ids[i].ids == NULL || (call->ids[i].count <= limit && !call->ids[i].truncated))
            continue;
        if (call->options.refuse_long)
            return refuse_long(i, limit, error);
        if (call->ids[i].count > limit)
            cut_ids(&call->ids[i], limit, call->keep_tail, tok);
    }
    return true;
}

bool input_cut(api_call *call, const api_service *service, http_error *error)
{
    const size_t most = encoder_max_tokens(service->enc);
    const size_t limit = call->max_tokens > 0 && call->max_tokens < most ? call->max_tokens : most;
    const bool own_way = limit == most && !call->keep_tail && call->output != ENCODER_TOKENS;
    aki_text prompt = {NULL, 0};
    if (!options_prompt(call, service, &prompt, error))
        return false;
    if (own_way && call->ids == NULL)
        return true;
    if (call->ids == NULL)
        call->ids = mem_zalloc(call->count, sizeof *call->ids);
    tokenizer_scratch *scratch = own_way ? NULL : tokenizer_scratch_open();
    buf room;
    buf_init(&room, 0);
    bool done = call->ids != NULL && (own_way || scratch != NULL);
    if (!done)
        no_memory(error);
    done =
        done && cut_all(call, limit, own_way, prompt, &room, scratch, encoder_tokenizer(service->enc), error);
    buf_free(&room);
    tokenizer_scratch_close(scratch);
    for (size_t i = 0; done && call->output == ENCODER_TOKENS && i < call->count; i++)
        if (call->ids[i].count > call->token_room)
            call->token_room = call->ids[i].count;
    return done;
}
