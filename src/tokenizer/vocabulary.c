#include "tokenizer/vocabulary.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "tokenizer/tokenizer_limits.h"

#include <string.h>

#define NOT_GIVEN UINT32_MAX

aki_status vocabulary_init(vocabulary *vocab, size_t count, size_t limit, const char *path, aki_error *error)
{
    *vocab = (vocabulary){.path = path};
    buf_init(&vocab->texts, 2 * TOKENIZER_FILE_BYTES_MAX);
    if (limit > TOKENIZER_VOCABULARY_MAX)
        limit = TOKENIZER_VOCABULARY_MAX;
    if (count == 0)
        return error_set(error, AKI_MODEL_INVALID, "'%s': the vocabulary is empty", path);
    if (count > limit) {
        error_set(error, AKI_MODEL_INVALID,
                  "'%s' has %zu tokens, but the model's embedding table has only %zu rows", path, count,
                  limit);
        return vocabulary_hint(error);
    }
    vocab->offset = mem_alloc(count, sizeof *vocab->offset);
    vocab->length = mem_alloc(count, sizeof *vocab->length);
    if (vocab->offset == NULL || vocab->length == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the vocabulary of '%s'", path);
    memset(vocab->offset, 0xFF, count * sizeof *vocab->offset);
    vocab->count = vocab->capacity = count;
    return AKI_OK;
}

void vocabulary_free(vocabulary *vocab)
{
    buf_free(&vocab->texts);
    mem_free(vocab->offset);
    mem_free(vocab->length);
    *vocab = (vocabulary){0};
}

aki_status vocabulary_put(vocabulary *vocab, int64_t id, const char *text, size_t length, aki_error *error)
{
    const char *path = vocab->path;
    if (!utf8_valid(text, length, NULL))
        return error_set(error, AKI_MODEL_INVALID, "'%s': token %lld is not valid UTF-8", path,
                         (long long)id);
    if (length > TOKENIZER_TOKEN_BYTES_MAX)
        return error_set(error, AKI_MODEL_UNSUPPORTED,
                         "'%s': token %lld has %zu bytes; this program takes tokens of up to %d", path,
                         (long long)id, length, TOKENIZER_TOKEN_BYTES_MAX);
    if (id < 0)
        error_set(error, AKI_MODEL_INVALID, "'%s': token '%s' has the negative id %lld", path, text,
                  (long long)id);
    else if ((uint64_t)id >= vocab->count)
        error_set(error, AKI_MODEL_INVALID,
                  "'%s': token '%s' has the id %lld, but there are only %zu tokens: ids must be 0 to %zu "
                  "without holes",
                  path, text, (long long)id, vocab->count, vocab->count - 1);
    else if (vocab->offset[id] != NOT_GIVEN)
        error_set(error, AKI_MODEL_INVALID, "'%s': tokens '%s' and '%s' both have the id %lld", path,
                  vocabulary_text(vocab, (int32_t)id), text, (long long)id);
    if (id < 0 || (uint64_t)id >= vocab->count || vocab->offset[id] != NOT_GIVEN)
        return vocabulary_hint(error);
    vocab->offset[id] = (uint32_t)vocab->texts.length;
    vocab->length[id] = (uint32_t)length;
    if (!buf_append(&vocab->texts, text, length) || !buf_append_char(&vocab->texts, '\0'))
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the vocabulary of '%s'", path);
    return AKI_OK;
}

aki_status vocabulary_append(vocabulary *vocab, const char *text, size_t length, aki_error *error)
{
    if (vocab->count == vocab->capacity) {
        size_t capacity = 2 * vocab->capacity + 16;
        uint32_t *offset = mem_realloc(vocab->offset, capacity, sizeof *offset);
        if (offset != NULL)
            vocab->offset = offset;
        uint32_t *lengths = mem_realloc(vocab->length, capacity, sizeof *lengths);
        if (lengths != NULL)
            vocab->length = lengths;
        if (offset == NULL || lengths == NULL)
            return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the vocabulary of '%s'", vocab->path);
        vocab->capacity = capacity;
    }
    vocab->offset[vocab->count++] = NOT_GIVEN;
    return vocabulary_put(vocab, (int64_t)vocab->count - 1, text, length, error);
}

void vocabulary_cut(vocabulary *vocab, size_t count)
{
    vocab->count = count;
}

aki_status vocabulary_hint(aki_error *error)
{
    error_hint(
        error,
        "The file was published so: another download brings the same. Number the tokens from 0 without "
        "holes, each id once, with a row of the embedding table for each, or use another model.");
    return AKI_MODEL_INVALID;
}
