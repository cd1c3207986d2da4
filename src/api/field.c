#include "api/field.h"

#include <math.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

const char *field_type_name(const json_t *value)
{
    if (value == NULL)
        return "missing";
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

json_t *field_given(const json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    return json_is_null(value) ? NULL : value;
}

bool field_refuse_type(http_error *error, const char *param, const char *wanted, const json_t *found)
{
    http_error_set(error, HTTP_ERROR_INVALID_TYPE, param, "%s must be %s, not %s", param, wanted,
                   field_type_name(found));
    return false;
}

static bool read_choice(const json_t *value, const char *param, const field_choice *choices,
                        const char *listed, int (*compare)(const char *, const char *), int *out,
                        http_error *error)
{
    if (!json_is_string(value))
        return field_refuse_type(error, param, "a string", value);
    for (const field_choice *c = choices; c->name != NULL; c++)
        if (compare(c->name, json_string_value(value)) == 0 && strlen(c->name) == json_string_length(value)) {
            *out = c->value;
            return true;
        }
    http_error_set(error, HTTP_ERROR_INVALID_VALUE, param, "%s must be %s, not \"%.64s\"", param, listed,
                   json_string_value(value));
    return false;
}

bool field_read_choice(const json_t *value, const char *param, const field_choice *choices,
                       const char *listed, int *out, http_error *error)
{
    return read_choice(value, param, choices, listed, strcmp, out, error);
}

bool field_read_word(const json_t *value, const char *param, const field_choice *choices, const char *listed,
                     int *out, http_error *error)
{
    return read_choice(value, param, choices, listed, strcasecmp, out, error);
}

bool field_read_switch(const json_t *value, const char *param, bool *out, http_error *error)
{
    if (!json_is_boolean(value))
        return field_refuse_type(error, param, "true or false", value);
    *out = json_is_true(value);
    return true;
}

static json_int_t saturated(double whole)
{
    return whole >= 0x1p63 ? INT64_MAX : whole < -0x1p63 ? INT64_MIN : (json_int_t)whole;
}

bool field_read_number(const json_t *value, const char *param, json_int_t least, json_int_t *out,
                       http_error *error)
{
    if (!json_is_number(value) ||
        (json_is_real(value) && trunc(json_real_value(value)) != json_real_value(value))) {
        http_error_set(error, HTTP_ERROR_INVALID_TYPE, param, "%s must be a whole number, not %s", param,
                       json_is_real(value) ? "a fraction" : field_type_name(value));
        return false;
    }
    *out = json_is_integer(value) ? json_integer_value(value) : saturated(json_real_value(value));
    if (*out >= least)
        return true;
    http_error_set(error, HTTP_ERROR_INVALID_VALUE, param, "%s must be at least %lld, not %lld%s", param,
                   (long long)least, (long long)*out, field_beyond(*out));
    return false;
}

const char *field_beyond(json_int_t number)
{
    return number == INT64_MAX ? " or more" : number == INT64_MIN ? " or less" : "";
}
