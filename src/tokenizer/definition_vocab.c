/* vocab.txt: a token per line, its id the line's number from 0; white space at a line's end is no part of the token, as in
 * `tokenizers`. What BERT's tokenizer does with it is said by tokenizer_config.json where there is one. */
#include "tokenizer/definition.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json_file.h"
#include "base/memory.h"
#include "base/utf8.h"

#include <string.h>

typedef struct line {
    const char *text;
    size_t length;
} line;

static bool is_space(uint32_t code_point)
{
    for (size_t i = 0; i < unicode_spaces_count; i++)
        if (code_point >= unicode_spaces[i].first && code_point <= unicode_spaces[i].last)
            return true;
    return false;
}

/* text: valid UTF-8. */
static size_t length_without_space_at_end(const char *text, size_t length)
{
    size_t end = length;
    while (end > 0) {
        size_t start = end - 1;
        while (((unsigned char)text[start] & 0xC0) == 0x80)
            start--;
        uint32_t code_point;
        utf8_decode(text + start, &code_point);
        if (!is_space(code_point))
            break;
        end = start;
    }
    return end;
}

/* Takes the next line off text[*at..length). */
static line next_line(const char *text, size_t length, size_t *at)
{
    const char *start = text + *at, *newline = memchr(start, '\n', length - *at);
    size_t bytes = newline != NULL ? (size_t)(newline - start) : length - *at;
    *at += bytes + (newline != NULL);
    return (line){start, length_without_space_at_end(start, bytes)};
}

/* Empty lines in the middle keep their number, so that the ids after them are right; those at the end are no tokens. */
static size_t count_tokens(const char *text, size_t length)
{
    size_t lines = 0, tokens = 0, at = 0;
    while (at < length) {
        lines++;
        if (next_line(text, length, &at).length > 0)
            tokens = lines;
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
        if (token.length > 0 && !token_index_add(index, token.text, token.length, (int32_t)id))
            return error_set(error, AKI_MODEL_INVALID, "'%s': the token '%s' stands on lines %d and %zu",
                             path, vocabulary_text(&def->vocab, (int32_t)id),
                             token_index_find(index, token.text, token.length) + 1, id + 1);
    }
    return AKI_OK;
}

/* The text under `key`, written as a string or as an object with "content"; else *text as it was. */
static aki_status read_token_name(const json_t *config, const char *path, const char *key, const char **text,
                                  aki_error *error)
{
    const json_t *value = json_object_get(config, key);
    if (json_is_object(value))
        return json_field_string(value, path, "content", text, error);
    return json_field_string(config, path, key, text, error);
}

static aki_status read_config(definition *def, const json_t *config, const char *config_path,
                              const token_index *index, aki_error *error)
{
    static const struct {
        const char *key, *text;
        enum { UNKNOWN, BEFORE, AFTER, OPTIONAL } use;
    } rows[] = {
        {"unk_token", "[UNK]", UNKNOWN},  {"cls_token", "[CLS]", BEFORE},     {"sep_token", "[SEP]", AFTER},
        {"pad_token", "[PAD]", OPTIONAL}, {"mask_token", "[MASK]", OPTIONAL},
    };
    size_t row_count = sizeof rows / sizeof rows[0];
    def->added = mem_alloc(row_count, sizeof *def->added);
    if (def->added == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for '%s'", def->vocab.path);
    for (size_t i = 0; i < row_count; i++) {
        const char *text = rows[i].text;
        aki_status status = read_token_name(config, config_path, rows[i].key, &text, error);
        if (status != AKI_OK)
            return status;
        int32_t id = token_index_find(index, text, strlen(text));
        if (id == TOKEN_INDEX_NONE && rows[i].use == OPTIONAL)
            continue;
        if (id == TOKEN_INDEX_NONE)
            return error_set(error, AKI_MODEL_INVALID, "'%s' has no line '%s', the model's %s",
                             def->vocab.path, text, rows[i].key);
        if (rows[i].use == UNKNOWN && (def->unknown = mem_copy_string(text)) == NULL)
            return error_set(error, AKI_OUT_OF_MEMORY, "no memory for '%s'", def->vocab.path);
        if (rows[i].use == BEFORE)
            def->before.ids[def->before.count++] = id;
        if (rows[i].use == AFTER)
            def->after.ids[def->after.count++] = id;
        bool known = false; /* one token may serve two purposes */
        for (size_t k = 0; k < def->added_count; k++)
            known = known || def->added[k].token.id == id;
        if (!known)
            def->added[def->added_count++] = (definition_added_token){.token = {.id = id}};
    }
    def->flags = (normalizer_flags){true, true, true, true};
    aki_status status = json_field_bool(config, config_path, "do_lower_case", &def->flags.lowercase, error);
    if (status == AKI_OK)
        status = json_field_bool(config, config_path, "tokenize_chinese_chars",
                                 &def->flags.handle_chinese_chars, error);
    def->flags.strip_accents = def->flags.lowercase;
    if (status == AKI_OK)
        status = json_field_bool(config, config_path, "strip_accents", &def->flags.strip_accents, error);
    return status;
}

static aki_status read_all(definition *def, const buf *text, const char *path, const char *config_path,
                           size_t limit, token_index *index, json_t **config, aki_error *error)
{
    size_t bad;
    if (!utf8_valid(text->data, text->length, &bad))
        return error_set(error, AKI_MODEL_INVALID, "'%s' is not valid UTF-8 at byte %zu", path, bad);
    aki_status status =
        vocabulary_init(&def->vocab, count_tokens(text->data, text->length), limit, path, error);
    if (status != AKI_OK)
        return status;
    def->model_count = def->vocab.count;
    def->max_chars = 100;
    def->prefix = mem_copy_string("##");
    if (def->prefix == NULL || !token_index_init(index, def->vocab.count))
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the vocabulary of '%s'", path);
    status = put_tokens(def, text, index, error);
    if (status == AKI_OK && file_exists(config_path)) {
        status = json_file_read(config_path, TOKENIZER_FILE_BYTES_MAX, config, error);
        if (status == AKI_OK && !json_is_object(*config))
            status = error_set(error, AKI_MODEL_INVALID, "'%s' is not a JSON object", config_path);
    }
    return status == AKI_OK ? read_config(def, *config, config_path, index, error) : status;
}

aki_status definition_read_vocab(definition *out, const char *path, const char *config_path,
                                 size_t vocabulary_limit, aki_error *error)
{
    *out = (definition){0};
    buf text;
    buf_init(&text, TOKENIZER_FILE_BYTES_MAX);
    token_index index = {0};
    json_t *config = NULL;
    aki_status status = file_read(path, &text, error);
    if (status == AKI_OK)
        status = read_all(out, &text, path, config_path, vocabulary_limit, &index, &config, error);
    token_index_free(&index);
    json_decref(config);
    buf_free(&text);
    if (status != AKI_OK)
        definition_free(out);
    return status;
}
