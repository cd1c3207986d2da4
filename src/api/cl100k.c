#include "api/cl100k.h"

#include "api/field.h"
#include "api/float_text.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/utf8.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Ids of the file: 0 to TOKENS - 1. */
#define TOKENS ((size_t)100256)
#define FILE_BYTES_MAX ((size_t)8 << 20)
#define TOKEN_BYTES_MAX ((size_t)1024)

struct cl100k {
    buf bytes;             /* of all tokens, end to end */
    uint32_t ends[TOKENS]; /* where each one ends in `bytes` */
};

/* Not in the file; tiktoken writes them as their names. */
static const struct {
    int64_t id;
    const char *text;
} special[] = {{100257, "<|endoftext|>"},
               {100258, "<|fim_prefix|>"},
               {100259, "<|fim_middle|>"},
               {100260, "<|fim_suffix|>"},
               {100276, "<|endofprompt|>"}};

/* Reads the line of token `id`; returns what is behind it, or NULL where the line is not that. */
static const char *read_line(cl100k *vocabulary, size_t id, const char *line, const char *end)
{
    char expected[16];
    const char *blank = memchr(line, ' ', (size_t)(end - line));
    const int digits = snprintf(expected, sizeof expected, " %zu\n", id);
    if (blank == NULL || end - blank < digits || memcmp(blank, expected, (size_t)digits) != 0)
        return NULL;
    const size_t before = vocabulary->bytes.length;
    if ((size_t)(blank - line) > TOKEN_BYTES_MAX ||
        !base64_decode(&vocabulary->bytes, line, (size_t)(blank - line)) ||
        vocabulary->bytes.length == before)
        return NULL;
    vocabulary->ends[id] = (uint32_t)vocabulary->bytes.length;
    return blank + digits;
}

static aki_status read_lines(cl100k *vocabulary, const buf *file, const char *path, aki_error *error)
{
    const char *line = file->data, *end = file->data + file->length;
    for (size_t id = 0; id < TOKENS; id++) {
        const char *next = line != NULL && line < end ? read_line(vocabulary, id, line, end) : NULL;
        if (vocabulary->bytes.failed)
            return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the vocabulary '%s'", path);
        if (next == NULL)
            return error_set(
                error, AKI_MODEL_INVALID,
                "'%s' is not the vocabulary of cl100k: line %zu is not a token in base64 and the "
                "id %zu",
                path, id + 1, id);
        line = next;
    }
    if (line != end)
        return error_set(error, AKI_MODEL_INVALID,
                         "'%s' is not the vocabulary of cl100k: it has more than %zu tokens", path, TOKENS);
    return AKI_OK;
}

aki_status cl100k_open(cl100k **out, const char *path, aki_error *error)
{
    *out = NULL;
    cl100k *vocabulary = mem_zalloc(1, sizeof *vocabulary);
    if (vocabulary == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the vocabulary '%s'", path);
    buf file;
    buf_init(&file, FILE_BYTES_MAX);
    buf_init(&vocabulary->bytes, FILE_BYTES_MAX);
    aki_status status = file_read(path, &file, error);
    if (status == AKI_OK)
        status = read_lines(vocabulary, &file, path, error);
    buf_free(&file);
    if (status != AKI_OK) {
        error_hint(error, "scripts/get-cl100k fetches the file cl100k_base.tiktoken and prints its path, for "
                          "--cl100k-file.");
        cl100k_close(vocabulary);
        return status;
    }
    *out = vocabulary;
    return AKI_OK;
}

void cl100k_close(cl100k *vocabulary)
{
    if (vocabulary == NULL)
        return;
    buf_free(&vocabulary->bytes);
    mem_free(vocabulary);
}

const char *cl100k_token(const cl100k *vocabulary, int64_t id, size_t *length)
{
    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++)
        if (special[i].id == id) {
            *length = strlen(special[i].text);
            return special[i].text;
        }
    if (id < 0 || id >= (int64_t)TOKENS)
        return NULL;
    const uint32_t start = id > 0 ? vocabulary->ends[id - 1] : 0;
    *length = vocabulary->ends[id] - start;
    return vocabulary->bytes.data + start;
}

static json_t *to_string(const char *bytes, size_t length)
{
    if (utf8_valid(bytes, length, NULL))
        return json_stringn_nocheck(bytes, length);
    buf text;
    buf_init(&text, 3 * length);
    json_t *string = utf8_repair(bytes, length, &text) ? json_stringn_nocheck(text.data, text.length) : NULL;
    buf_free(&text);
    return string;
}

static bool no_memory(const char *param, http_error *error)
{
    http_error_set(error, HTTP_ERROR_OUT_OF_MEMORY, param, "no memory for the texts of the token ids");
    return false;
}

/* The text of a list of ids, as a new reference. bytes: scratch, whose maximum is that of one text. */
static json_t *decode(const cl100k *vocabulary, const json_t *ids, const char *param, size_t *left,
                      buf *bytes, http_error *error)
{
    size_t index;
    const json_t *item;
    buf_clear(bytes);
    json_array_foreach(ids, index, item)
    {
        size_t length = 0;
        if (!json_is_integer(item)) {
            field_refuse_type(error, param, "a string, or a list of token ids", item);
            return NULL;
        }
        const char *token = cl100k_token(vocabulary, json_integer_value(item), &length);
        if (token == NULL) {
            http_error_set(error, HTTP_ERROR_INVALID_VALUE, param,
                           "%s has the token id %lld%s, which cl100k has not", param,
                           (long long)json_integer_value(item), field_beyond(json_integer_value(item)));
            return NULL;
        }
        if (length > *left) {
            http_error_set(error, HTTP_ERROR_BODY_TOO_LARGE, param,
                           "the texts of the token ids have more bytes than a body may have");
            return NULL;
        }
        *left -= length;
        buf_append(bytes, token, length);
    }
    json_t *text = bytes->failed ? NULL : to_string(bytes->data != NULL ? bytes->data : "", bytes->length);
    if (text == NULL)
        no_memory(param, error);
    return text;
}

static bool replace_lists(const cl100k *vocabulary, json_t *texts, size_t *left, buf *bytes,
                          http_error *error)
{
    size_t index;
    const json_t *item;
    json_array_foreach(texts, index, item)
    {
        char param[32];
        snprintf(param, sizeof param, "texts[%zu]", index);
        if (!json_is_array(item))
            continue;
        json_t *text = decode(vocabulary, item, param, left, bytes, error);
        if (text == NULL)
            return false;
        if (json_array_set_new(texts, index, text) != 0)
            return no_memory(param, error);
    }
    return true;
}

bool cl100k_replace_ids(const cl100k *vocabulary, json_t *object, const char *field, size_t max_bytes,
                        http_error *error)
{
    json_t *value = json_object_get(object, field);
    size_t left = max_bytes;
    bool done;
    buf bytes;
    buf_init(&bytes, max_bytes);
    if (json_is_number(json_array_get(value, 0))) {
        json_t *text = decode(vocabulary, value, field, &left, &bytes, error);
        done = text != NULL && (json_object_set_new(object, field, text) == 0 || no_memory(field, error));
    } else {
        done = replace_lists(vocabulary, value, &left, &bytes, error);
    }
    buf_free(&bytes);
    return done;
}
