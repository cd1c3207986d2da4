#include "base/json_file.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json_parse.h"

aki_status json_file_read(const char *path, size_t max_bytes, json_t **out, aki_error *error)
{
    *out = NULL;
    buf text;
    buf_init(&text, max_bytes);
    aki_status status = file_read(path, &text, error);
    if (status == AKI_OK) {
        const char *data = text.length > 0 ? text.data : "";
        const size_t flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL;
        json_error_t reason;
        bool lacked_memory;
        *out = json_parse(data, text.length, flags, &reason, &lacked_memory);
        if (*out == NULL && !lacked_memory && json_error_code(&reason) == json_error_numeric_overflow)
            *out = json_parse(data, text.length, flags | JSON_DECODE_INT_AS_REAL, &reason, &lacked_memory);
        if (*out == NULL && lacked_memory)
            status = error_set(error, AKI_OUT_OF_MEMORY, "no memory to read '%s'", path);
        else if (*out == NULL)
            status = error_set(error, AKI_MODEL_INVALID, "'%s' is not valid JSON: line %d, column %d: %s",
                               path, reason.line, reason.column, reason.text);
    }
    buf_free(&text);
    return status;
}

/* The value under `key`, or NULL where it is absent or null. */
static const json_t *field(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

/* A whole number >= 0 that a real holds exactly, or an integer; else -1. */
static json_int_t whole_number(const json_t *value)
{
    if (json_is_integer(value))
        return json_integer_value(value);
    double real = json_real_value(value);
    if (!json_is_real(value) || !(real >= 0 && real <= 0x1p53) || real != (double)(json_int_t)real)
        return -1;
    return (json_int_t)real;
}

aki_status json_field_size(const json_t *object, const char *path, const char *key, size_t minimum,
                           size_t maximum, size_t *value, aki_error *error)
{
    const json_t *found = field(object, key);
    if (found == NULL)
        return AKI_OK;
    json_int_t number = whole_number(found);
    if (number < 0 || (size_t)number < minimum || (size_t)number > maximum)
        return error_set(error, AKI_MODEL_INVALID, "'%s': \"%s\" must be a whole number from %zu to %zu",
                         path, key, minimum, maximum);
    *value = (size_t)number;
    return AKI_OK;
}

aki_status json_field_bool(const json_t *object, const char *path, const char *key, bool *value,
                           aki_error *error)
{
    const json_t *found = field(object, key);
    if (found == NULL)
        return AKI_OK;
    if (!json_is_boolean(found))
        return error_set(error, AKI_MODEL_INVALID, "'%s': \"%s\" must be true or false", path, key);
    *value = json_is_true(found);
    return AKI_OK;
}

aki_status json_field_number(const json_t *object, const char *path, const char *key, double minimum,
                             double maximum, double *value, aki_error *error)
{
    const json_t *found = field(object, key);
    if (found == NULL)
        return AKI_OK;
    double number = json_number_value(found);
    if (!json_is_number(found) || !(number >= minimum && number <= maximum))
        return error_set(error, AKI_MODEL_INVALID, "'%s': \"%s\" must be a number from %g to %g", path, key,
                         minimum, maximum);
    *value = number;
    return AKI_OK;
}

aki_status json_field_string(const json_t *object, const char *path, const char *key, const char **value,
                             aki_error *error)
{
    const json_t *found = field(object, key);
    if (found == NULL)
        return AKI_OK;
    if (!json_is_string(found))
        return error_set(error, AKI_MODEL_INVALID, "'%s': \"%s\" must be a string", path, key);
    *value = json_string_value(found);
    return AKI_OK;
}
