#include "api/body.h"

#include "api/field.h"
#include "api/json_faults.h"
#include "base/json_parse.h"
#include "base/memory.h"
#include "base/utf8.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 32
#define FLAGS (JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL)

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
static bool check_text(const char *body, size_t length, const body_shape *shape, http_error *error)
{
    size_t bad;
    if (length == 0) {
        http_error_set(error, HTTP_ERROR_INVALID_JSON, NULL, "the body is empty");
        return false;
    }
    if (has_mark(body, length, error))
        return false;
    const size_t most = shape->max_values;
    json_cost cost = json_cost_of(body, length, most);
    if (cost.depth <= MAX_DEPTH && cost.values <= most)
        return true;
    if (!utf8_valid(body, length, &bad))
        refuse_byte(body, bad, NULL, error);
    else if (cost.depth > MAX_DEPTH)
        http_error_set(error, HTTP_ERROR_INVALID_JSON, NULL,
                       "the body is nested more than %d levels deep; a request needs two", MAX_DEPTH);
    else
        http_error_set(error, HTTP_ERROR_TOO_MANY_TEXTS, shape->text_field,
                       "the body holds more than %zu JSON values; one request takes at most %zu texts", most,
                       shape->max_texts);
    return false;
}

/* Refuses the whole body because of its first fault. */
static void refuse_fault(const char *body, const json_fault *fault, const body_shape *shape,
                         http_error *error)
{
    enum { ESCAPE_BYTES = 6 };
    char param[48] = "";
    if (fault->element != SIZE_MAX)
        snprintf(param, sizeof param, "%.16s[%zu]", shape->text_field, fault->element);
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
    *out = json_parse(body, length, FLAGS, &reason, &lacked_memory);
    if (*out == NULL && !lacked_memory && json_error_code(&reason) == json_error_numeric_overflow) {
        char *saturated = json_saturate(body, length);
        lacked_memory = saturated == NULL;
        if (saturated != NULL)
            *out = json_parse(saturated, length, FLAGS, &reason, &lacked_memory);
        mem_free(saturated);
    }
    if (*out == NULL && lacked_memory)
        http_error_set(error, HTTP_ERROR_OUT_OF_MEMORY, NULL, "no memory to read the body");
    else if (*out == NULL)
        http_error_set(error, HTTP_ERROR_INVALID_JSON, NULL,
                       "the body is not valid JSON: %s (line %d, column %d)", reason.text, reason.line,
                       reason.column);
    else if (!json_is_object(*out)) {
        http_error_set(error, HTTP_ERROR_INVALID_JSON, NULL, "the body must be a JSON object, not %s",
                       field_type_name(*out));
        json_decref(*out);
        *out = NULL;
    }
    return *out != NULL;
}

/* Puts the fault back into the text, so that the encoder refuses that text alone. False = out of memory. */
static bool restore_fault(json_t *root, const json_fault *fault, const char *text_field)
{
    json_t *text = json_array_get(json_object_get(root, text_field), fault->element);
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
                        const body_shape *shape, http_error *error)
{
    const json_fault *last = &found->faults[found->count - 1];
    if (last->element == SIZE_MAX || !shape->item_errors || !parse(out, found->repaired, length, error) ||
        !fails_alone(*out)) {
        refuse_fault(body, &found->faults[0], shape, error);
        return false;
    }
    for (size_t i = 0; i < found->count; i++)
        if (!restore_fault(*out, &found->faults[i], shape->text_field)) {
            http_error_set(error, HTTP_ERROR_OUT_OF_MEMORY, NULL, "no memory to read the body");
            return false;
        }
    return true;
}

/* *out is to be freed by the caller either way. */
static bool load(json_t **out, const char *body, size_t length, const body_shape *shape, http_error *error)
{
    json_faults found;
    bool loaded;
    if (!json_faults_find(&found, body, length, shape->text_field)) {
        http_error_set(error, HTTP_ERROR_OUT_OF_MEMORY, NULL, "no memory to read the body");
        loaded = false;
    } else if (found.count > 0) {
        loaded = load_faulty(out, body, length, &found, shape, error);
    } else {
        loaded = parse(out, body, length, error);
    }
    json_faults_free(&found);
    return loaded;
}

bool body_load(json_t **root, const char *body, size_t length, const body_shape *shape, http_error *error)
{
    *root = NULL;
    return check_text(body, length, shape, error) && load(root, body, length, shape, error);
}

/* No longer than any real that is beyond a double, such as 1e309. */
#define MOST_REAL "1e308"

/* `at` is behind the opening quote. Returns where the closing one is, or the end. */
static const char *skip_string(const char *at, const char *end)
{
    while (at < end && *at != '"')
        at += *at == '\\' && end - at > 1 ? 2 : 1;
    return at;
}

static const char *skip_digits(const char *at, const char *end)
{
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at;
}

/* Exactly a number of JSON without its sign: what is none shall stay what the parser refuses. */
static bool is_number(const char *at, const char *end, bool *integer)
{
    const char *behind = skip_digits(at, end);
    if (behind == at || (*at == '0' && behind - at > 1))
        return false;
    *integer = behind == end;
    if (behind < end && *behind == '.') {
        at = behind + 1;
        behind = skip_digits(at, end);
        if (behind == at)
            return false;
    }
    if (behind < end && (*behind == 'e' || *behind == 'E')) {
        at = behind + 1;
        at += at < end && (*at == '+' || *at == '-');
        behind = skip_digits(at, end);
        if (behind == at)
            return false;
    }
    return behind == end;
}

/* The text to put in the place of a number, which stands without its sign; NULL = the number fits. Behind `end` is a byte that strtod stops at. */
static const char *replacement(const char *digits, const char *end, bool negative)
{
    const char *most = negative ? "9223372036854775808" : "9223372036854775807";
    const size_t length = (size_t)(end - digits);
    bool integer = false;
    if (!is_number(digits, end, &integer))
        return NULL;
    if (!integer)
        return isinf(strtod(digits, NULL)) ? MOST_REAL : NULL;
    if (length < strlen(most) || (length == strlen(most) && memcmp(digits, most, length) <= 0))
        return NULL;
    return most;
}

char *json_saturate(const char *text, size_t length)
{
    char *copy = mem_alloc(length, 1);
    const char *end = text + length, *at = text;
    if (copy == NULL)
        return NULL;
    memcpy(copy, text, length);
    while (at < end) {
        if (*at == '"') {
            at = skip_string(at + 1, end) + 1;
            continue;
        }
        const char *digits = at + (*at == '-'), *behind = digits;
        while (behind < end && *behind != '\0' && strchr("0123456789+-.eE", *behind) != NULL)
            behind++;
        const char *most = behind > digits && behind < end ? replacement(digits, behind, digits > at) : NULL;
        if (most != NULL) {
            memset(copy + (digits - text), ' ', (size_t)(behind - digits));
            memcpy(copy + (digits - text), most, strlen(most));
        }
        at = behind > at ? behind : at + 1;
    }
    return copy;
}

/* Behind the closing quote of the string whose first character is at `at`; the end where it is not closed. */
static const char *skip_saturated_string(const char *at, const char *end)
{
    while (at < end) {
        const char *quote = memchr(at, '"', (size_t)(end - at));
        if (quote == NULL)
            return end;
        const char *run = quote; /* of backslashes before the quote */
        while (run > at && run[-1] == '\\')
            run--;
        at = quote + 1;
        if ((quote - run) % 2 == 0)
            return at;
    }
    return end;
}

json_cost json_cost_of(const char *text, size_t length, size_t max_values)
{
    json_cost cost = {.values = 1};
    size_t depth = 0;
    const char *at = text, *end = text + length;
    while (at < end && cost.values <= max_values) {
        char c = *at++;
        if (c == '"') {
            at = skip_saturated_string(at, end);
        } else if (c == '[' || c == '{') {
            cost.values++;
            if (++depth > cost.depth)
                cost.depth = depth;
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        } else if (c == ',') {
            cost.values++;
        }
    }
    return cost;
}
