#include "tokenizer/stage_parts.h"

#include "base/error.h"

#include <string.h>

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
