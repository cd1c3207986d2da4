#include "api/embed_request.h"

#include "api/api.h"
#include "api/body.h"
#include "api/field.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>

/* Beyond the texts: room for fields, and for wrong shapes that deserve an error of their own. */
#define SPARE_VALUES 64

#define FIELDS                                                                                               \
    "texts, model, pooling, normalize, dimensions, prompt, prompt_name, truncate, encoding_format, "         \
    "on_error, priority"
#define POOLING_NAMES                                                                                        \
    "\"mean\", \"cls\", \"max\", \"lasttoken\", \"mean_sqrt_len_tokens\" or \"weightedmean\""

static bool read_texts(embed_request *request, const json_t *texts, const api_service *service,
                       http_error *error)
{
    if (!json_is_array(texts))
        return field_refuse_type(error, "texts", "a list of strings, like [\"hello\"]", texts);
    size_t count = json_array_size(texts);
    if (count == 0) {
        http_error_set(error, HTTP_ERROR_EMPTY_INPUT, "texts", "texts is empty");
        return false;
    }
    if (count > service->max_texts) {
        http_error_set(error, HTTP_ERROR_TOO_MANY_TEXTS, "texts", "%zu texts; one request takes at most %zu",
                       count, service->max_texts);
        return false;
    }
    request->texts = mem_alloc(count, sizeof *request->texts);
    if (request->texts == NULL) {
        http_error_set(error, HTTP_ERROR_OUT_OF_MEMORY, NULL, "no memory for %zu texts", count);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *text = json_array_get(texts, i);
        if (!json_is_string(text)) {
            if (request->on_error_item) {
                request->texts[i] = (aki_text){NULL, 0};
                continue;
            }
            char param[32];
            snprintf(param, sizeof param, "texts[%zu]", i);
            return field_refuse_type(error, param, "a string", text);
        }
        request->texts[i] = (aki_text){json_string_value(text), json_string_length(text)};
    }
    request->count = count;
    return true;
}

static bool read_model(const json_t *value, const api_service *service, http_error *error)
{
    if (!json_is_string(value))
        return field_refuse_type(error, "model", "a string", value);
    return api_choose_model_of(service, value, "model", error);
}

/* A field with a choice of words; null counts as left out. */
static bool read_word(embed_request *request, const char *key, const json_t *value, http_error *error)
{
    static const field_choice poolings[] = {{"mean", AKI_POOLING_MEAN},
                                            {"cls", AKI_POOLING_CLS},
                                            {"max", AKI_POOLING_MAX},
                                            {"lasttoken", AKI_POOLING_LAST},
                                            {"mean_sqrt_len_tokens", AKI_POOLING_MEAN_SQRT_LEN},
                                            {"weightedmean", AKI_POOLING_WEIGHTED_MEAN},
                                            {NULL, 0}};
    static const field_choice formats[] = {{"float", false}, {"base64", true}, {NULL, 0}};
    static const field_choice scopes[] = {{"request", false}, {"item", true}, {NULL, 0}};
    static const field_choice priorities[] = {{"auto", SCHEDULER_PRIORITY_AUTO},
                                              {"interactive", SCHEDULER_PRIORITY_INTERACTIVE},
                                              {"bulk", SCHEDULER_PRIORITY_BULK},
                                              {NULL, 0}};
    int chosen = 0;
    if (json_is_null(value))
        return true;
    if (strcmp(key, "pooling") == 0) {
        if (!field_read_choice(value, key, poolings, POOLING_NAMES, &chosen, error))
            return false;
        request->options.pooling = (aki_pooling)chosen;
    } else if (strcmp(key, "encoding_format") == 0) {
        if (!field_read_choice(value, key, formats, "\"float\" or \"base64\"", &chosen, error))
            return false;
        request->base64 = chosen != 0;
    } else if (strcmp(key, "on_error") == 0) {
        if (!field_read_choice(value, key, scopes, "\"request\" or \"item\"", &chosen, error))
            return false;
        request->on_error_item = chosen != 0;
    } else {
        if (!field_read_choice(value, key, priorities, "\"auto\", \"interactive\" or \"bulk\"", &chosen,
                               error))
            return false;
        request->priority = (scheduler_priority)chosen;
    }
    return true;
}

/* "dimensions" and the prompt; null counts as left out. The strings stay the tree's. */
static bool read_prompt(embed_request *request, const char *key, const json_t *value, http_error *error)
{
    json_int_t number;
    if (json_is_null(value))
        return true;
    if (strcmp(key, "dimensions") == 0) {
        if (!field_read_number(value, key, 1, &number, error))
            return false;
        request->dimensions = (size_t)number;
        return true;
    }
    if (!json_is_string(value))
        return field_refuse_type(error, key, "a string", value);
    const aki_text text = {json_string_value(value), json_string_length(value)};
    if (strcmp(key, "prompt") == 0) {
        request->options.prompt = text;
        return true;
    }
    if (strlen(text.data) == text.length) {
        request->options.prompt_name = text.data;
        return true;
    }
    http_error_set(error, HTTP_ERROR_INVALID_VALUE, key, "%s holds U+0000, which no name has", key);
    return false;
}

static bool is_prompt_field(const char *key)
{
    return strcmp(key, "dimensions") == 0 || strcmp(key, "prompt") == 0 || strcmp(key, "prompt_name") == 0;
}

static bool is_word_field(const char *key)
{
    return strcmp(key, "pooling") == 0 || strcmp(key, "encoding_format") == 0 ||
           strcmp(key, "on_error") == 0 || strcmp(key, "priority") == 0;
}

/* An optional field; null counts as left out. */
static bool read_option(embed_request *request, const char *key, const json_t *value,
                        const api_service *service, http_error *error)
{
    bool on = true;
    if (is_word_field(key))
        return read_word(request, key, value, error);
    if (is_prompt_field(key))
        return read_prompt(request, key, value, error);
    if (strcmp(key, "model") == 0)
        return json_is_null(value) || read_model(value, service, error);
    if (strcmp(key, "normalize") == 0) {
        if (!json_is_null(value) && !field_read_switch(value, key, &on, error))
            return false;
        request->options.normalize = on ? AKI_ON : AKI_OFF;
        return true;
    }
    if (strcmp(key, "truncate") == 0) {
        if (!json_is_null(value) && !field_read_switch(value, key, &on, error))
            return false;
        request->options.refuse_long = !on;
        return true;
    }
    char param[sizeof error->param];
    snprintf(param, sizeof param, "%.60s", key);
    http_error_set(error, HTTP_ERROR_UNKNOWN_FIELD, param,
                   "there is no field \"%.100s\"; the fields are " FIELDS, key);
    return false;
}

static bool read_fields(embed_request *request, const api_service *service, http_error *error)
{
    const char *key;
    json_t *value;
    json_object_foreach(request->root, key, value)
    {
        if (strcmp(key, "texts") != 0 && !read_option(request, key, value, service, error))
            return false;
    }
    const json_t *texts = json_object_get(request->root, "texts");
    if (texts == NULL) {
        http_error_set(error, HTTP_ERROR_MISSING_FIELD, "texts", "the field texts is missing");
        return false;
    }
    return read_texts(request, texts, service, error);
}

bool embed_request_parse(embed_request *out, const char *body, size_t length, const api_service *service,
                         http_error *error)
{
    *out = (embed_request){.options = {.pooling = AKI_POOLING_MODEL, .normalize = AKI_ON}};
    const body_shape shape = {.text_field = "texts",
                              .max_texts = service->max_texts,
                              .max_values = service->max_texts + SPARE_VALUES,
                              .item_errors = true};
    if (body_load(&out->root, body, length, &shape, error) && read_fields(out, service, error))
        return true;
    embed_request_free(out);
    return false;
}

void embed_request_free(embed_request *request)
{
    mem_free(request->texts);
    json_decref(request->root);
    *request = (embed_request){0};
}
