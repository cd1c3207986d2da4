#include "base/json_file.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"

aki_status json_file_read(const char *path, size_t max_bytes, json_t **out, aki_error *error)
{
    *out = NULL;
    buf text;
    buf_init(&text, max_bytes);
    aki_status status = file_read(path, &text, error);
    if (status == AKI_OK) {
        json_error_t reason;
        *out = json_loadb(text.length > 0 ? text.data : "", text.length,
                          JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &reason);
        if (*out == NULL)
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

aki_status json_field_size(const json_t *object, const char *path, const char *key, size_t minimum,
                           size_t maximum, size_t *value, aki_error *error)
{
    const json_t *found = field(object, key);
    if (found == NULL)
        return AKI_OK;
    json_int_t number = json_is_integer(found) ? json_integer_value(found) : -1;
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
