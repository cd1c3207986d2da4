#include "tokenizer/wordpiece.h"

#include "base/error.h"
#include "base/memory.h"

#include <string.h>

aki_status wordpiece_build(wordpiece *model, const vocabulary *vocab, size_t count, const char *prefix,
                           const char *unknown, size_t max_chars, aki_error *error)
{
    *model = (wordpiece){.max_chars = max_chars};
    size_t prefix_length = strlen(prefix), continuing = 0;
    for (size_t id = 0; id < count; id++)
        continuing += vocab->length[id] > prefix_length &&
                      memcmp(vocabulary_text(vocab, (int32_t)id), prefix, prefix_length) == 0;
    if (!token_index_init(&model->initial, count) || !token_index_init(&model->continuing, continuing)) {
        wordpiece_free(model);
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the vocabulary of '%s'", vocab->path);
    }
    for (size_t i = 0; i < count; i++) {
        int32_t id = (int32_t)i;
        const char *text = vocabulary_text(vocab, id);
        size_t length = vocab->length[i];
        if (length == 0)
            continue; /* matches nothing */
        if (!token_index_add(&model->initial, text, length, id)) {
            int32_t first = token_index_find(&model->initial, text, length);
            wordpiece_free(model);
            return error_set(error, AKI_MODEL_INVALID,
                             "'%s': token '%s' is there twice, with the ids %d and %d", vocab->path, text,
                             first, id);
        }
        if (length > prefix_length && memcmp(text, prefix, prefix_length) == 0)
            token_index_add(&model->continuing, text + prefix_length, length - prefix_length, id);
    }
    model->unknown = token_index_find(&model->initial, unknown, strlen(unknown));
    if (model->unknown == TOKEN_INDEX_NONE) {
        wordpiece_free(model);
        return error_set(error, AKI_MODEL_INVALID, "'%s': the unknown token '%s' is not in the vocabulary",
                         vocab->path, unknown);
    }
    return AKI_OK;
}

void wordpiece_free(wordpiece *model)
{
    token_index_free(&model->initial);
    token_index_free(&model->continuing);
}

size_t wordpiece_encode(const wordpiece *model, const char *word, size_t length, size_t chars, int32_t *ids)
{
    size_t count = 0, start = 0, matched = 0;
    const token_index *index = &model->initial;
    if (chars > model->max_chars)
        length = 0;
    while (start < length) {
        int32_t id = token_index_longest(index, word + start, length - start, &matched);
        if (id == TOKEN_INDEX_NONE)
            break;
        ids[count++] = id;
        start += matched;
        index = &model->continuing;
    }
    if (count > 0 && start == length)
        return count;
    ids[0] = model->unknown;
    return 1;
}
