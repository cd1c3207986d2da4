/* vocab.txt: a token per line, its id the line's number from 0; white space at a line's end is no part of the token, as in
 * `tokenizers`. Everything else about the tokenizer comes from definition_apply. */
#include "tokenizer/definition.h"

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "tokenizer/white_space.h"

#include <string.h>

typedef struct line {
    const char *text;
    size_t length;
} line;

/* Takes the next line off text[*at..length). */
static line next_line(const char *text, size_t length, size_t *at)
{
    const char *start = text + *at, *newline = memchr(start, '\n', length - *at);
    size_t bytes = newline != NULL ? (size_t)(newline - start) : length - *at;
    *at += bytes + (newline != NULL);
    return (line){start, white_space_trimmed(start, bytes)};
}

/* Empty lines in the middle keep their number, so that the ids after them are right; those at the end are no tokens. */
static size_t count_tokens(const char *text, size_t length, bool *has_empty_lines)
{
    size_t lines = 0, tokens = 0, at = 0;
    while (at < length) {
        lines++;
        if (next_line(text, length, &at).length > 0)
            tokens = lines;
        else
            *has_empty_lines = true;
    }
    return tokens;
}

static aki_status put_tokens(definition *def, const buf *text, token_index *index, aki_error *error)
{
    size_t at = 0;
    const char *path = def->vocab.path;
    for (size_t id = 0; id < def->vocab.count; id++) {
        line token = next_line(text->data, text->length, &at);
        aki_status status = vocabulary_put(&def->vocab, (int64_t)id, token.text, token.length, error);
        if (status != AKI_OK)
            return status;
        if (token.length > 0 && !token_index_add(index, token.text, token.length, (int32_t)id)) {
            error_set(error, AKI_MODEL_INVALID, "'%s': the token '%s' stands on lines %d and %zu", path,
                      vocabulary_text(&def->vocab, (int32_t)id),
                      token_index_find(index, token.text, token.length) + 1, id + 1);
            return vocabulary_hint(error);
        }
    }
    return AKI_OK;
}

static aki_status read_all(definition *def, const buf *text, const char *path, size_t limit,
                           token_index *index, aki_error *error)
{
    size_t bad;
    if (!utf8_valid(text->data, text->length, &bad))
        return error_set(error, AKI_MODEL_INVALID, "'%s' is not valid UTF-8 at byte %zu", path, bad);
    aki_status status = vocabulary_init(
        &def->vocab, count_tokens(text->data, text->length, &def->has_empty_lines), limit, path, error);
    if (status != AKI_OK)
        return status;
    def->model_count = def->vocab.count;
    def->max_chars = DEFINITION_USUAL_CHARS;
    def->prefix = mem_copy_string("##");
    if (def->prefix == NULL || !token_index_init(index, def->vocab.count))
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the vocabulary of '%s'", path);
    return put_tokens(def, text, index, error);
}

aki_status definition_read_vocab(definition *out, const char *path, size_t vocabulary_limit, aki_error *error)
{
    *out = (definition){0};
    buf text;
    buf_init(&text, TOKENIZER_FILE_BYTES_MAX);
    token_index index = {0};
    aki_status status = file_read(path, &text, error);
    if (status == AKI_OK)
        status = read_all(out, &text, path, vocabulary_limit, &index, error);
    if (status == AKI_OK)
        status = token_decoder_usual(&out->decoder, error);
    token_index_free(&index);
    buf_free(&text);
    if (status != AKI_OK)
        definition_free(out);
    return status;
}
