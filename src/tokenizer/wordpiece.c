#include "tokenizer/wordpiece.h"

#include "base/error.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static aki_status out_of_memory(const vocabulary *vocab, aki_error *error)
{
    return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the vocabulary of '%s'", vocab->path);
}

/* initial: [count], sorted. */
static aki_status check_tokens(wordpiece *model, const piece_text *initial, size_t count, const char *unknown,
                               const vocabulary *vocab, aki_error *error)
{
    model->unknown = WORD_TABLE_NONE;
    for (size_t i = 0; i < count; i++) {
        const piece_text *token = &initial[i];
        if (i > 0 && token[-1].length == token->length &&
            memcmp(token[-1].text, token->text, token->length) == 0)
            return error_set(error, AKI_MODEL_INVALID,
                             "'%s': token '%s' is there twice, with the ids %d and %d", vocab->path,
                             token->text, token[-1].id, token->id);
        if (strlen(unknown) == token->length && memcmp(unknown, token->text, token->length) == 0)
            model->unknown = token->id;
    }
    if (model->unknown == WORD_TABLE_NONE)
        return error_set(error, AKI_MODEL_INVALID, "'%s': the unknown token '%s' is not in the vocabulary",
                         vocab->path, unknown);
    return AKI_OK;
}

static aki_status build_from(wordpiece *model, const piece_text *initial, size_t initial_count,
                             const piece_text *continuing, size_t continuing_count, const char *unknown,
                             const vocabulary *vocab, aki_error *error)
{
    aki_status status = check_tokens(model, initial, initial_count, unknown, vocab, error);
    if (status != AKI_OK)
        return status;
    if (!word_table_init(&model->words, initial_count) ||
        !piece_automaton_build(&model->pieces, initial, initial_count, continuing, continuing_count))
        return out_of_memory(vocab, error);
    /* By id: the tokens that are met most often come first in BERT's vocabularies, and find the best places. */
    for (size_t id = 0; id < initial_count; id++)
        word_table_put(&model->words, vocabulary_text(vocab, (int32_t)id), vocab->length[id], (int32_t)id);
    for (size_t c = 0; c < 128; c++) {
        char text[1] = {(char)c};
        wordpiece_encode(model, text, 1, 1, 1, &model->ascii[c]);
    }
    return AKI_OK;
}

aki_status wordpiece_build(wordpiece *model, const vocabulary *vocab, size_t count, const char *prefix,
                           const char *unknown, size_t max_chars, aki_error *error)
{
    *model = (wordpiece){.max_chars = max_chars};
    size_t prefix_length = strlen(prefix), initial_count = 0, continuing_count = 0;
    piece_text *initial = mem_alloc(count, sizeof *initial);
    piece_text *continuing = mem_alloc(count, sizeof *continuing);
    aki_status status = AKI_OK;
    if (initial == NULL || continuing == NULL) {
        status = out_of_memory(vocab, error);
    } else {
        for (size_t i = 0; i < count; i++) {
            const char *text = vocabulary_text(vocab, (int32_t)i);
            uint32_t length = vocab->length[i];
            if (length > 0) /* else it matches nothing */
                initial[initial_count++] = (piece_text){text, length, (int32_t)i};
            if (length > prefix_length && memcmp(text, prefix, prefix_length) == 0)
                continuing[continuing_count++] =
                    (piece_text){text + prefix_length, length - (uint32_t)prefix_length, (int32_t)i};
        }
        qsort(initial, initial_count, sizeof *initial, piece_text_order);
        qsort(continuing, continuing_count, sizeof *continuing, piece_text_order);
        status =
            build_from(model, initial, initial_count, continuing, continuing_count, unknown, vocab, error);
    }
    mem_free(initial);
    mem_free(continuing);
    if (status != AKI_OK)
        wordpiece_free(model);
    return status;
}

void wordpiece_free(wordpiece *model)
{
    word_table_free(&model->words);
    piece_automaton_free(&model->pieces);
}

size_t wordpiece_cut(const wordpiece *model, const char *word, size_t length, size_t chars, int32_t *ids)
{
    size_t count = chars <= model->max_chars ? piece_automaton_cut(&model->pieces, word, length, ids) : 0;
    if (count > 0)
        return count;
    ids[0] = model->unknown;
    return 1;
}
