#include "tokenizer/token_json.h"

#include "base/error.h"
#include "base/json_parse.h"

#include <string.h>

aki_status token_json_flags(definition_added_token *out, const json_t *row, bool special, const char *path,
                            aki_error *error)
{
    aki_status status = json_field_bool(row, path, "special", &special, error);
    out->normalized = !special;
    if (status == AKI_OK)
        status = json_field_bool(row, path, "single_word", &out->token.single_word, error);
    if (status == AKI_OK)
        status = json_field_bool(row, path, "lstrip", &out->token.strip_left, error);
    if (status == AKI_OK)
        status = json_field_bool(row, path, "rstrip", &out->token.strip_right, error);
    if (status == AKI_OK)
        status = json_field_bool(row, path, "normalized", &out->normalized, error);
    return status;
}

aki_status token_json_text(const json_t *text, const char *path, const char *key, size_t *length,
                           aki_error *error)
{
    *length = json_string_length(text);
    if (!json_is_string(text) || strlen(json_string_value(text)) != *length)
        return error_set(error, AKI_MODEL_INVALID,
                         "'%s': \"%s\" holds a token that is not a string, or one with U+0000", path, key);
    if (*length > TOKENIZER_ADDED_TOKEN_BYTES_MAX)
        return error_set(
            error, AKI_MODEL_UNSUPPORTED,
            "'%s': \"%s\" holds a token of %zu bytes; this program takes added tokens of up to %d", path, key,
            *length, TOKENIZER_ADDED_TOKEN_BYTES_MAX);
    return AKI_OK;
}

aki_status stage_parts_read(stage_parts *parts, const json_t *field, const char *name, const char *list,
                            const char *path, aki_error *error)
{
    *parts = (stage_parts){.count = 0};
    if (field == NULL || json_is_null(field))
        return AKI_OK;
    const char *type = json_string_value(json_object_get(field, "type"));
    if (type == NULL || strcmp(type, "Sequence") != 0) {
        parts->items[parts->count++] = field;
        return AKI_OK;
    }
    const json_t *array = json_object_get(field, list);
    if (!json_is_array(array))
        return error_set(error, AKI_MODEL_INVALID, "'%s': \"%s\" is a Sequence without \"%s\", an array",
                         path, name, list);
    if (json_array_size(array) > TOKENIZER_STAGES_MAX)
        return error_set(error, AKI_MODEL_UNSUPPORTED,
                         "'%s' has %zu stages in \"%s\"; this program runs up to %d in a row", path,
                         json_array_size(array), list, TOKENIZER_STAGES_MAX);
    for (size_t i = 0; i < json_array_size(array); i++)
        parts->items[parts->count++] = json_array_get(array, i);
    return AKI_OK;
}
