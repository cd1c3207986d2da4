/* The normalizers of a text's ends: Strip drops the white space that it begins or ends with, Prepend puts a text before
 * it. */
#include "tokenizer/normal_stages.h"

#include "base/error.h"
#include "base/json_parse.h"
#include "base/memory.h"
#include "tokenizer/white_space.h"

#include <string.h>

typedef struct strip {
    bool left, right;
} strip;

static aki_status read_strip(void **data, const json_t *part, const char *path, aki_error *error)
{
    const json_t *left = json_object_get(part, "strip_left"), *right = json_object_get(part, "strip_right");
    if (!json_is_boolean(left) || !json_is_boolean(right))
        return error_set(error, AKI_MODEL_INVALID,
                         "'%s': a Strip normalizer needs \"strip_left\" and \"strip_right\", true or false",
                         path);
    strip *s = mem_zalloc(1, sizeof *s);
    if (s == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for a normalizer of '%s'", path);
    *s = (strip){json_is_true(left), json_is_true(right)};
    *data = s;
    return AKI_OK;
}

static bool run_strip(const void *data, const char *text, size_t length, buf *out)
{
    const strip *s = data;
    size_t start = s->left ? white_space_before(text, length) : 0;
    size_t end = s->right ? start + white_space_trimmed(text + start, length - start) : length;
    return buf_append(out, text + start, end - start);
}

const normal_kind normal_strip = {"Strip", read_strip, mem_free, run_strip, NULL};

static aki_status read_prepend(void **data, const json_t *part, const char *path, aki_error *error)
{
    const json_t *text = json_object_get(part, "prepend");
    const char *given = json_string_value(text);
    if (given == NULL || strlen(given) != json_string_length(text) ||
        json_string_length(text) > TOKENIZER_REPLACEMENT_BYTES_MAX)
        return error_set(
            error, AKI_MODEL_UNSUPPORTED,
            "'%s': a Prepend normalizer needs \"prepend\", a string of up to %d bytes without U+0000", path,
            TOKENIZER_REPLACEMENT_BYTES_MAX);
    *data = mem_copy_string(given);
    return *data != NULL ? AKI_OK
                         : error_set(error, AKI_OUT_OF_MEMORY, "no memory for a normalizer of '%s'", path);
}

static bool run_prepend(const void *data, const char *text, size_t length, buf *out)
{
    return buf_append_string(out, data) && buf_append(out, text, length);
}

const normal_kind normal_prepend = {"Prepend", read_prepend, mem_free, run_prepend, NULL};
