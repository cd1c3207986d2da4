/* The parts of tokenizer.json that a BPE tokenizer is made of. */
#include "tokenizer/definition.h"

#include "base/error.h"
#include "base/json_parse.h"
#include "base/memory.h"

#include <string.h>

typedef struct reader {
    definition *def;
    const json_t *vocab;
    const char *path;
    aki_error *error;
} reader;

typedef struct part {
    const char *text;
    size_t length;
} part;

/* A merge is ["a", "b"], or "a b" in older files. */
static bool read_parts(const json_t *row, part *left, part *right)
{
    if (json_is_array(row)) {
        const json_t *first = json_array_get(row, 0), *second = json_array_get(row, 1);
        *left = (part){json_string_value(first), json_string_length(first)};
        *right = (part){json_string_value(second), json_string_length(second)};
        return json_array_size(row) == 2 && json_is_string(first) && json_is_string(second);
    }
    const char *text = json_string_value(row), *space = text != NULL ? strchr(text, ' ') : NULL;
    if (space == NULL || strchr(space + 1, ' ') != NULL)
        return false;
    *left = (part){text, (size_t)(space - text)};
    *right = (part){space + 1, json_string_length(row) - left->length - 1};
    return true;
}

/* The id of a model's token. */
static bool find(const reader *in, part token, int32_t *id)
{
    const json_t *value = json_object_getn(in->vocab, token.text, token.length);
    *id = (int32_t)json_integer_value(value);
    return value != NULL;
}

static aki_status read_merge(const reader *in, const json_t *row, size_t rank, bpe_merge *merge)
{
    part left, right;
    char joined[2 * TOKENIZER_TOKEN_BYTES_MAX];
    if (!read_parts(row, &left, &right))
        return error_set(in->error, AKI_MODEL_INVALID,
                         "'%s': row %zu of \"merges\" is not two tokens, [\"a\", \"b\"] or \"a b\"", in->path,
                         rank);
    if (left.length + right.length > TOKENIZER_TOKEN_BYTES_MAX)
        return error_set(
            in->error, AKI_MODEL_UNSUPPORTED,
            "'%s': row %zu of \"merges\" makes a token of %zu bytes; this program takes tokens of up to %d",
            in->path, rank, left.length + right.length, TOKENIZER_TOKEN_BYTES_MAX);
    memcpy(joined, left.text, left.length);
    memcpy(joined + left.length, right.text, right.length);
    const part result = {joined, left.length + right.length};
    const part *absent = !find(in, left, &merge->left)       ? &left
                         : !find(in, right, &merge->right)   ? &right
                         : !find(in, result, &merge->result) ? &result
                                                             : NULL;
    return absent == NULL
               ? AKI_OK
               : error_set(
                     in->error, AKI_MODEL_INVALID,
                     "'%s': row %zu of \"merges\" needs the token '%.*s', which \"vocab\" does not have",
                     in->path, rank, (int)absent->length, absent->text);
}

/* A line "#version" among merges of the older form is none. */
static bool is_comment(const json_t *row)
{
    const char *text = json_string_value(row);
    return text != NULL && strncmp(text, "#version", 8) == 0;
}

static aki_status read_merges(const reader *in, const json_t *rows)
{
    bpe_settings *found = &in->def->bpe;
    const size_t count = json_array_size(rows);
    if (!json_is_array(rows))
        return error_set(in->error, AKI_MODEL_INVALID, "'%s': \"model\" needs \"merges\", an array",
                         in->path);
    if (count > BPE_MERGES_MAX)
        return error_set(in->error, AKI_MODEL_UNSUPPORTED,
                         "'%s' has %zu merges; this program takes up to %zu", in->path, count,
                         BPE_MERGES_MAX);
    found->merges = mem_alloc(count, sizeof *found->merges);
    if (found->merges == NULL)
        return error_set(in->error, AKI_OUT_OF_MEMORY, "no memory for the merges of '%s'", in->path);
    for (size_t i = 0; i < count; i++) {
        const json_t *row = json_array_get(rows, i);
        if (is_comment(row))
            continue;
        aki_status status = read_merge(in, row, i, &found->merges[found->merge_count++]);
        if (status != AKI_OK)
            return status;
    }
    return AKI_OK;
}

/* Settings that are not implemented must be as good as absent. */
static aki_status refuse_settings(const reader *in, const json_t *model)
{
    static const char *const texts[] = {"continuing_subword_prefix", "end_of_word_suffix"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *text = "";
        aki_status status = json_field_string(model, in->path, texts[i], &text, in->error);
        if (status != AKI_OK)
            return status;
        if (text[0] != '\0')
            return error_set(in->error, AKI_MODEL_UNSUPPORTED,
                             "'%s': a BPE model has the \"%s\" '%.100s', which is not supported", in->path,
                             texts[i], text);
    }
    const json_t *dropout = json_object_get(model, "dropout");
    if (dropout == NULL || json_is_null(dropout) ||
        (json_is_number(dropout) && json_number_value(dropout) == 0.0))
        return AKI_OK;
    return error_set(in->error, AKI_MODEL_UNSUPPORTED,
                     "'%s': a BPE model has a \"dropout\", with which a text has other ids each time",
                     in->path);
}

static aki_status read_unknown(const reader *in, const json_t *model)
{
    const char *text = NULL;
    bpe_settings *found = &in->def->bpe;
    found->unknown = -1;
    aki_status status = json_field_string(model, in->path, "unk_token", &text, in->error);
    if (status != AKI_OK || text == NULL)
        return status;
    if (find(in, (part){text, strlen(text)}, &found->unknown))
        return AKI_OK;
    return error_set(in->error, AKI_MODEL_INVALID, "'%s': \"vocab\" does not have the \"unk_token\" '%.100s'",
                     in->path, text);
}

static aki_status read_model(const reader *in, const json_t *model)
{
    bpe_settings *found = &in->def->bpe;
    aki_status status = refuse_settings(in, model);
    if (status == AKI_OK)
        status = read_unknown(in, model);
    if (status == AKI_OK)
        status = json_field_bool(model, in->path, "byte_fallback", &found->byte_fallback, in->error);
    if (status == AKI_OK)
        status = json_field_bool(model, in->path, "fuse_unk", &found->fuse_unknown, in->error);
    if (status == AKI_OK)
        status = json_field_bool(model, in->path, "ignore_merges", &found->ignore_merges, in->error);
    return status == AKI_OK ? read_merges(in, json_object_get(model, "merges")) : status;
}

aki_status definition_check_bpe(definition *def, const char *path, aki_error *error)
{
    bool last;
    def->bpe.byte_level = split_stages_byte_level(&def->split, &last);
    if (!last)
        return error_set(error, AKI_MODEL_UNSUPPORTED,
                         "'%s': a ByteLevel pre-tokenizer stands before another one", path);
    if (def->bpe.byte_level && def->bpe.byte_fallback)
        return error_set(error, AKI_MODEL_UNSUPPORTED,
                         "'%s': a BPE model has \"byte_fallback\" behind a ByteLevel pre-tokenizer", path);
    return AKI_OK;
}

aki_status definition_read_bpe(definition *def, const json_t *root, const char *path, aki_error *error)
{
    const json_t *model = json_object_get(root, "model");
    const reader in = {def, json_object_get(model, "vocab"), path, error};
    def->model = MODEL_BPE;
    aki_status status = definition_read_stages(def, root, path, error);
    if (status == AKI_OK)
        status = read_model(&in, model);
    return status == AKI_OK ? definition_check_bpe(def, path, error) : status;
}
