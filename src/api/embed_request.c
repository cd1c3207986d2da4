#include "server/embed_request.h"

#include "base/json_parse.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "server/json_budget.h"
#include "server/json_faults.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Beyond the texts: room for fields, and for wrong shapes that deserve an error of their own. */
#define SPARE_VALUES 64
#define MAX_DEPTH 32

#define FIELDS "texts, model, pooling, normalize, truncate, encoding_format, on_error, priority"

static const char *type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    case JSON_NULL:
        break;
    }
    return "null";
}

static bool refuse_type(http_error *error, const char *param, const char *wanted, const json_t *found)
{
    http_error_set(error, HTTP_ERROR_INVALID_TYPE, param, "%s must be %s, not %s", param, wanted,
                   type_name(found));
    return false;
}

static bool begins_with(const char *body, size_t length, const char *bytes, size_t count)
{
    return length >= count && memcmp(body, bytes, count) == 0;
}

/* Refuses byte order marks by name, because editors do not show them. */
static bool has_mark(const char *body, size_t length, http_error *error)
{
    if (begins_with(body, length, "\xEF\xBB\xBF", 3))
        http_error_set(error, HTTP_ERROR_INVALID_JSON, NULL,
                       "the body begins with a byte order mark (EF BB BF), which JSON does not have: send it "
                       "without");
    else if (begins_with(body, length, "\xFF\xFE", 2) || begins_with(body, length, "\xFE\xFF", 2))
        http_error_set(
            error, HTTP_ERROR_INVALID_UTF8, NULL,
            "the body is not valid UTF-8: it begins with the byte order mark of UTF-16 (%02X %02X)",
            (unsigned)(unsigned char)body[0], (unsigned)(unsigned char)body[1]);
    else
        return false;
    return true;
}

static void refuse_byte(const char *body, size_t position, const char *param, http_error *error)
{
    http_error_set(error, HTTP_ERROR_INVALID_UTF8, param, "the body is not valid UTF-8: byte %zu is 0x%02X",
                   position, (unsigned)(unsigned char)body[position]);
}

/* Checks what can be checked without building the tree. */
static bool check_text(const char *body, size_t length, const embed_limits *limits, http_error *error)
{
    size_t bad;
    if (length == 0) {
        http_error_set(error, HTTP_ERROR_INVALID_JSON, NULL, "the body is empty");
        return false;
    }
    if (has_mark(body, length, error))
        return false;
    size_t most = limits->max_texts + SPARE_VALUES;
    json_cost cost = json_cost_of(body, length, most);
    if (cost.depth <= MAX_DEPTH && cost.values <= most)
        return true;
    if (!utf8_valid(body, length, &bad))
        refuse_byte(body, bad, NULL, error);
    else if (cost.depth > MAX_DEPTH)
        http_error_set(error, HTTP_ERROR_INVALID_JSON, NULL,
                       "the body is nested more than %d levels deep; a request needs two", MAX_DEPTH);
    else
        http_error_set(error, HTTP_ERROR_TOO_MANY_TEXTS, "texts",
                       "the body holds more than %zu JSON values; one request takes at most %zu texts", most,
                       limits->max_texts);
    return false;
}

/* Refuses the whole body because of its first fault. */
static void refuse_fault(const char *body, const json_fault *fault, http_error *error)
{
    enum { ESCAPE_BYTES = 6 };
    char param[32] = "";
    if (fault->element != SIZE_MAX)
        snprintf(param, sizeof param, "texts[%zu]", fault->element);
    if (fault->length == 1)
        refuse_byte(body, fault->position, param, error);
    else
        http_error_set(
            error, HTTP_ERROR_INVALID_JSON, param,
            "%s has %.*s, half of a surrogate pair, which is no Unicode character (byte %zu of the "
            "body)",
            param[0] != '\0' ? param : "the body", (int)ESCAPE_BYTES, body + fault->position,
            fault->position);
}

static bool parse(json_t **out, const char *body, size_t length, http_error *error)
{
    json_error_t reason;
    bool lacked_memory;
    *out = json_parse(body, length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &reason, &lacked_memory);
    if (*out == NULL && lacked_memory)
        http_error_set(error, HTTP_ERROR_OUT_OF_MEMORY, NULL, "no memory to read the body");
    else if (*out == NULL)
        http_error_set(error, HTTP_ERROR_INVALID_JSON, NULL,
                       "the body is not valid JSON: %s (line %d, column %d)", reason.text, reason.line,
                       reason.column);
    else if (!json_is_object(*out)) {
        http_error_set(error, HTTP_ERROR_INVALID_JSON, NULL, "the body must be a JSON object, not %s",
                       type_name(*out));
        json_decref(*out);
        *out = NULL;
    }
    return *out != NULL;
}

/* Puts the fault back into the text, so that the encoder refuses that text alone. False = out of memory. */
static bool restore_fault(json_t *root, const json_fault *fault)
{
    json_t *text = json_array_get(json_object_get(root, "texts"), fault->element);
    const size_t length = json_string_length(text);
    if (text == NULL || !json_is_string(text) || fault->offset + fault->length > length)
        return true;
    char *bytes = mem_alloc(length + 1, 1);
    if (bytes == NULL)
        return false;
    memcpy(bytes, json_string_value(text), length + 1);
    memcpy(bytes + fault->offset, fault->bytes, fault->length);
    const bool set = json_string_setn_nocheck(text, bytes, length) == 0;
    mem_free(bytes);
    return set;
}

static bool fails_alone(const json_t *root)
{
    const char *scope = json_string_value(json_object_get(root, "on_error"));
    return scope != NULL && strcmp(scope, "item") == 0;
}

/* Loads a body with faults. False unless all faults are in texts, and the request asks for errors by text. */
static bool load_faulty(json_t **out, const char *body, size_t length, const json_faults *found,
                        http_error *error)
{
    const json_fault *last = &found->faults[found->count - 1];
    if (last->element == SIZE_MAX || !parse(out, found->repaired, length, error) || !fails_alone(*out)) {
        refuse_fault(body, &found->faults[0], error);
        return false;
    }
    for (size_t i = 0; i < found->count; i++)
        if (!restore_fault(*out, &found->faults[i])) {
            http_error_set(error, HTTP_ERROR_OUT_OF_MEMORY, NULL, "no memory to read the body");
            return false;
        }
    return true;
}

/* *out is to be freed by the caller either way. */
static bool load(json_t **out, const char *body, size_t length, http_error *error)
{
    json_faults found;
    bool loaded;
    if (!json_faults_find(&found, body, length, "texts")) {
        http_error_set(error, HTTP_ERROR_OUT_OF_MEMORY, NULL, "no memory to read the body");
        loaded = false;
    } else if (found.count > 0) {
        loaded = load_faulty(out, body, length, &found, error);
    } else {
        loaded = parse(out, body, length, error);
    }
    json_faults_free(&found);
    return loaded;
}

static bool read_texts(embed_request *request, const json_t *texts, const embed_limits *limits,
                       http_error *error)
{
    if (!json_is_array(texts))
        return refuse_type(error, "texts", "a list of strings, like [\"hello\"]", texts);
    size_t count = json_array_size(texts);
    if (count == 0) {
        http_error_set(error, HTTP_ERROR_EMPTY_INPUT, "texts", "texts is empty");
        return false;
    }
    if (count > limits->max_texts) {
        http_error_set(error, HTTP_ERROR_TOO_MANY_TEXTS, "texts", "%zu texts; one request takes at most %zu",
                       count, limits->max_texts);
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
            return refuse_type(error, param, "a string", text);
        }
        request->texts[i] = (aki_text){json_string_value(text), json_string_length(text)};
    }
    request->count = count;
    return true;
}

bool embed_model_matches(const char *served, const char *asked)
{
    if (strcmp(served, asked) == 0)
        return true;
    const char *slash = strrchr(served, '/');
    return slash != NULL && strcmp(slash + 1, asked) == 0;
}

static bool read_model(const json_t *value, const embed_limits *limits, http_error *error)
{
    if (!json_is_string(value))
        return refuse_type(error, "model", "a string", value);
    const char *asked = json_string_value(value);
    if (strlen(asked) == json_string_length(value) && embed_model_matches(limits->model_name, asked))
        return true;
    http_error_set(error, HTTP_ERROR_MODEL_NOT_FOUND, "model",
                   "there is no model \"%.128s\" here; served is \"%s\"", asked, limits->model_name);
    return false;
}

typedef struct choice {
    const char *name;
    int value;
} choice;

/* One of `choices` (ended by a NULL name); `listed` says them in the message. */
static bool read_choice(const json_t *value, const char *param, const choice *choices, const char *listed,
                        int *out, http_error *error)
{
    if (!json_is_string(value))
        return refuse_type(error, param, "a string", value);
    for (const choice *c = choices; c->name != NULL; c++)
        if (strcmp(c->name, json_string_value(value)) == 0 && strlen(c->name) == json_string_length(value)) {
            *out = c->value;
            return true;
        }
    http_error_set(error, HTTP_ERROR_INVALID_VALUE, param, "%s must be %s, not \"%.64s\"", param, listed,
                   json_string_value(value));
    return false;
}

static bool read_switch(const json_t *value, const char *param, bool *out, http_error *error)
{
    if (!json_is_boolean(value))
        return refuse_type(error, param, "true or false", value);
    *out = json_is_true(value);
    return true;
}

/* A field with a choice of words; null counts as left out. */
static bool read_word(embed_request *request, const char *key, const json_t *value, http_error *error)
{
    static const choice poolings[] = {
        {"mean", AKI_POOLING_MEAN}, {"cls", AKI_POOLING_CLS}, {"max", AKI_POOLING_MAX}, {NULL, 0}};
    static const choice formats[] = {{"float", false}, {"base64", true}, {NULL, 0}};
    static const choice scopes[] = {{"request", false}, {"item", true}, {NULL, 0}};
    static const choice priorities[] = {{"auto", SCHEDULER_PRIORITY_AUTO},
                                        {"interactive", SCHEDULER_PRIORITY_INTERACTIVE},
                                        {"bulk", SCHEDULER_PRIORITY_BULK},
                                        {NULL, 0}};
    int chosen = 0;
    if (json_is_null(value))
        return true;
    if (strcmp(key, "pooling") == 0) {
        if (!read_choice(value, key, poolings, "\"mean\", \"cls\" or \"max\"", &chosen, error))
            return false;
        request->options.pooling = (aki_pooling)chosen;
    } else if (strcmp(key, "encoding_format") == 0) {
        if (!read_choice(value, key, formats, "\"float\" or \"base64\"", &chosen, error))
            return false;
        request->base64 = chosen != 0;
    } else if (strcmp(key, "on_error") == 0) {
        if (!read_choice(value, key, scopes, "\"request\" or \"item\"", &chosen, error))
            return false;
        request->on_error_item = chosen != 0;
    } else {
        if (!read_choice(value, key, priorities, "\"auto\", \"interactive\" or \"bulk\"", &chosen, error))
            return false;
        request->priority = (scheduler_priority)chosen;
    }
    return true;
}

static bool is_word_field(const char *key)
{
    return strcmp(key, "pooling") == 0 || strcmp(key, "encoding_format") == 0 ||
           strcmp(key, "on_error") == 0 || strcmp(key, "priority") == 0;
}

/* An optional field; null counts as left out. */
static bool read_option(embed_request *request, const char *key, const json_t *value,
                        const embed_limits *limits, http_error *error)
{
    bool on = true;
    if (is_word_field(key))
        return read_word(request, key, value, error);
    if (strcmp(key, "model") == 0)
        return json_is_null(value) || read_model(value, limits, error);
    if (strcmp(key, "normalize") == 0) {
        if (!json_is_null(value) && !read_switch(value, key, &on, error))
            return false;
        request->options.normalize = on ? AKI_ON : AKI_OFF;
        return true;
    }
    if (strcmp(key, "truncate") == 0) {
        if (!json_is_null(value) && !read_switch(value, key, &on, error))
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

static bool read_fields(embed_request *request, const embed_limits *limits, http_error *error)
{
    const char *key;
    json_t *value;
    json_object_foreach(request->root, key, value)
    {
        if (strcmp(key, "texts") != 0 && !read_option(request, key, value, limits, error))
            return false;
    }
    const json_t *texts = json_object_get(request->root, "texts");
    if (texts == NULL) {
        http_error_set(error, HTTP_ERROR_MISSING_FIELD, "texts", "the field texts is missing");
        return false;
    }
    return read_texts(request, texts, limits, error);
}

bool embed_request_parse(embed_request *out, const char *body, size_t length, const embed_limits *limits,
                         http_error *error)
{
    *out = (embed_request){.options = {.pooling = AKI_POOLING_MODEL, .normalize = AKI_ON}};
    if (check_text(body, length, limits, error) && load(&out->root, body, length, error) &&
        read_fields(out, limits, error))
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
