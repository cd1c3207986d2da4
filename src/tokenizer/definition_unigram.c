/* The parts of tokenizer.json that a Unigram tokenizer is made of. */
#include "tokenizer/definition.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json_parse.h"
#include "base/memory.h"
#include "tokenizer/library_scores.h"

#include <math.h>
#include <string.h>

typedef struct reader {
    definition *def;
    const char *path;
    aki_error *error;
} reader;

static aki_status no_memory(const reader *in)
{
    return error_set(in->error, AKI_OUT_OF_MEMORY, "no memory for the vocabulary of '%s'", in->path);
}

static aki_status check_row(const reader *in, const json_t *row, size_t id)
{
    const json_t *text = json_array_get(row, 0), *score = json_array_get(row, 1);
    if (json_array_size(row) != 2 || !json_is_string(text) || !json_is_number(score) ||
        !isfinite(json_number_value(score)))
        return error_set(in->error, AKI_MODEL_INVALID,
                         "'%s': row %zu of \"vocab\" is not a token and its score, [string, number]",
                         in->path, id);
    if (strlen(json_string_value(text)) != json_string_length(text))
        return error_set(in->error, AKI_MODEL_INVALID, "'%s': token %zu has U+0000", in->path, id);
    return AKI_OK;
}

/* Of tokens that are there twice, `tokenizers` knows the last. */
static aki_status index_tokens(const reader *in, const json_t *vocab, token_index *known)
{
    if (!token_index_init(known, json_array_size(vocab)))
        return no_memory(in);
    for (size_t id = json_array_size(vocab); id > 0; id--) {
        const json_t *row = json_array_get(vocab, id - 1), *text = json_array_get(row, 0);
        aki_status status = check_row(in, row, id - 1);
        if (status != AKI_OK)
            return status;
        size_t length = json_string_length(text);
        if (length > 0 && length <= TOKENIZER_TOKEN_BYTES_MAX)
            token_index_add(known, json_string_value(text), length, (int32_t)(id - 1));
    }
    return AKI_OK;
}

static size_t count_new(const json_t *added, const token_index *known)
{
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(added); i++) {
        const json_t *content = json_object_get(json_array_get(added, i), "content");
        size_t length = json_string_length(content);
        count +=
            length > 0 && token_index_find(known, json_string_value(content), length) == TOKEN_INDEX_NONE;
    }
    return count;
}

/* The scores as `tokenizers` reads them, for which the file's own digits are needed. */
static aki_status read_library_scores(const reader *in)
{
    definition *def = in->def;
    buf text;
    buf_init(&text, TOKENIZER_FILE_BYTES_MAX);
    aki_status status = file_read(in->path, &text, in->error);
    if (status == AKI_OK &&
        library_scores_read(text.data, text.length, def->scores, def->model_count) != def->model_count)
        status = error_set(in->error, AKI_MODEL_UNSUPPORTED,
                           "'%s': \"model\" and \"vocab\" are written with escapes", in->path);
    buf_free(&text);
    for (size_t id = 0; status == AKI_OK && id < def->model_count; id++)
        if (!isfinite(def->scores[id]))
            status = error_set(in->error, AKI_MODEL_INVALID, "'%s': the score of token %zu is too large",
                               in->path, id);
    return status;
}

static aki_status read_tokens(const reader *in, const json_t *vocab)
{
    definition *def = in->def;
    def->scores = mem_alloc(def->model_count, sizeof *def->scores);
    def->exact_scores = mem_alloc(def->model_count, sizeof *def->exact_scores);
    if (def->scores == NULL || def->exact_scores == NULL)
        return no_memory(in);
    for (size_t id = 0; id < def->model_count; id++) {
        const json_t *row = json_array_get(vocab, id), *text = json_array_get(row, 0);
        aki_status status = vocabulary_put(&def->vocab, (int64_t)id, json_string_value(text),
                                           json_string_length(text), in->error);
        if (status != AKI_OK)
            return status;
        def->exact_scores[id] = json_number_value(json_array_get(row, 1));
    }
    return read_library_scores(in);
}

static aki_status read_model(const reader *in, const json_t *root, size_t limit, token_index *known)
{
    definition *def = in->def;
    const json_t *model = json_object_get(root, "model"), *vocab = json_object_get(model, "vocab");
    if (!json_is_array(vocab))
        return error_set(in->error, AKI_MODEL_INVALID,
                         "'%s': \"model\" needs \"vocab\", an array of tokens and their scores", in->path);
    if (json_array_size(vocab) > TOKENIZER_VOCABULARY_MAX)
        return error_set(in->error, AKI_MODEL_INVALID, "'%s' has %zu tokens; this program takes up to %zu",
                         in->path, json_array_size(vocab), TOKENIZER_VOCABULARY_MAX);
    def->model_count = json_array_size(vocab);
    def->unknown_id = SIZE_MAX;
    aki_status status = index_tokens(in, vocab, known);
    if (status == AKI_OK)
        status = vocabulary_init(&def->vocab,
                                 def->model_count + count_new(json_object_get(root, "added_tokens"), known),
                                 limit, in->path, in->error);
    if (status == AKI_OK)
        status = json_field_bool(model, in->path, "byte_fallback", &def->byte_fallback, in->error);
    if (status == AKI_OK)
        status = json_field_size(model, in->path, "unk_id", 0, SIZE_MAX / 2, &def->unknown_id, in->error);
    if (status == AKI_OK && def->unknown_id == SIZE_MAX)
        status = error_set(in->error, AKI_MODEL_UNSUPPORTED,
                           "'%s': \"model\" has no \"unk_id\", so that some texts have no ids", in->path);
    if (status == AKI_OK && def->unknown_id >= def->model_count)
        status =
            error_set(in->error, AKI_MODEL_INVALID, "'%s': \"unk_id\" is %zu, but \"vocab\" has %zu tokens",
                      in->path, def->unknown_id, def->model_count);
    return status == AKI_OK ? read_tokens(in, vocab) : status;
}

aki_status definition_read_stages(definition *def, const json_t *root, const char *path, aki_error *error)
{
    aki_status status = normal_stages_read(&def->normal, json_object_get(root, "normalizer"), path, error);
    if (status == AKI_OK)
        status = split_stages_read(&def->split, json_object_get(root, "pre_tokenizer"), path, error);
    if (status == AKI_OK && split_stages_ask_first(&def->split) && !normal_stages_keep_start(&def->normal))
        status =
            error_set(error, AKI_MODEL_UNSUPPORTED,
                      "'%s': a Metaspace pre-tokenizer has the \"prepend_scheme\" 'first' behind another "
                      "normalizer than Precompiled",
                      path);
    return status;
}

aki_status definition_read_unigram(definition *def, const json_t *root, const char *path,
                                   size_t vocabulary_limit, token_index *known, aki_error *error)
{
    const reader in = {def, path, error};
    bool last;
    def->model = MODEL_UNIGRAM;
    aki_status status = definition_read_stages(def, root, path, error);
    if (status == AKI_OK && (split_stages_byte_level(&def->split, &last) || !last))
        status = error_set(error, AKI_MODEL_UNSUPPORTED,
                           "'%s': a Unigram model has a ByteLevel pre-tokenizer", path);
    return status == AKI_OK ? read_model(&in, root, vocabulary_limit, known) : status;
}
