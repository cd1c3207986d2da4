/* The Replace normalizer: a text is replaced by another wherever it stands, or each run of two spaces and more, the one
 * regular expression that SentencePiece's tokenizers are converted with. Another one is refused. */
#include "tokenizer/normal_stages.h"

#include "base/error.h"
#include "base/memory.h"
#include "tokenizer/byte_block.h"

#include <string.h>

#define RUN_OF_SPACES " {2,}"

typedef struct replace {
    char *find; /* NULL: runs of spaces */
    size_t find_length;
    char *content;
    size_t content_length;
} replace;

static void free_replace(void *data)
{
    replace *r = data;
    mem_free(r->find);
    mem_free(r->content);
    mem_free(r);
}

static aki_status check(const json_t *part, const char *path, aki_error *error)
{
    const json_t *pattern = json_object_get(part, "pattern"), *content = json_object_get(part, "content");
    const char *regex = json_string_value(json_object_get(pattern, "Regex"));
    const json_t *find = json_object_get(pattern, "String");
    if (!json_is_string(content) || json_object_size(pattern) != 1 ||
        (regex == NULL && !json_is_string(find)))
        return error_set(
            error, AKI_MODEL_INVALID,
            "'%s': a Replace normalizer needs \"pattern\", an object with \"String\" or \"Regex\", and "
            "\"content\", a string",
            path);
    if (regex != NULL && strcmp(regex, RUN_OF_SPACES) != 0)
        return error_set(error, AKI_MODEL_UNSUPPORTED,
                         "'%s': a Replace normalizer has the \"Regex\" '%.100s'; this program knows '%s'",
                         path, regex, RUN_OF_SPACES);
    if (regex == NULL && json_string_length(find) == 0)
        return error_set(error, AKI_MODEL_UNSUPPORTED,
                         "'%s': a Replace normalizer has the empty string as \"pattern\"", path);
    if (json_string_length(content) > TOKENIZER_REPLACEMENT_BYTES_MAX)
        return error_set(
            error, AKI_MODEL_UNSUPPORTED,
            "'%s': a Replace normalizer has \"content\" of %zu bytes; this program takes up to %d", path,
            json_string_length(content), TOKENIZER_REPLACEMENT_BYTES_MAX);
    return AKI_OK;
}

static aki_status read_replace(void **data, const json_t *part, const char *path, aki_error *error)
{
    aki_status status = check(part, path, error);
    if (status != AKI_OK)
        return status;
    const json_t *find = json_object_get(json_object_get(part, "pattern"), "String");
    const json_t *content = json_object_get(part, "content");
    replace *r = mem_zalloc(1, sizeof *r);
    if (r != NULL) {
        r->find_length = json_string_length(find);
        r->find = find != NULL ? mem_copy_text(json_string_value(find), r->find_length) : NULL;
        r->content_length = json_string_length(content);
        r->content = mem_copy_text(json_string_value(content), r->content_length);
    }
    if (r == NULL || r->content == NULL || (find != NULL && r->find == NULL)) {
        if (r != NULL)
            free_replace(r);
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for a normalizer of '%s'", path);
    }
    *data = r;
    return AKI_OK;
}

/* The next match at or behind `from`; false = there is none. */
static bool find_match(const replace *r, const char *text, size_t length, size_t from, size_t *start,
                       size_t *end)
{
    if (r->find != NULL) {
        const char *found = memmem(text + from, length - from, r->find, r->find_length);
        if (found == NULL)
            return false;
        *start = (size_t)(found - text);
        *end = *start + r->find_length;
        return true;
    }
    for (size_t at = from; at < length; at = *end) {
        const char *found = memchr(text + at, ' ', length - at);
        if (found == NULL)
            return false;
        *start = *end = (size_t)(found - text);
        while (*end < length && text[*end] == ' ')
            ++*end;
        if (*end - *start >= 2)
            return true;
    }
    return false;
}

/* Replaces each of one byte, a vector at a time. */
static bool replace_byte(const replace *r, const char *text, size_t length, buf *out)
{
    const byte_vector zero = {0}, find = zero + (uint8_t)r->find[0];
    const size_t most = BYTE_VECTOR_BYTES * r->content_length + BYTE_VECTOR_BYTES;
    for (size_t at = 0, bytes; at < length; at += bytes) {
        char *to = buf_reserve(out, most), *const start = to;
        if (to == NULL)
            return false;
        bytes = length - at < BYTE_VECTOR_BYTES ? length - at : BYTE_VECTOR_BYTES;
        const byte_vector v = bytes == BYTE_VECTOR_BYTES ? byte_vector_load(text + at)
                                                         : byte_vector_load_part(text + at, bytes);
        uint64_t found = byte_vector_bits((byte_vector)(v == find)) & ((UINT64_C(1) << bytes) - 1);
        size_t done = 0;
        for (size_t end; found != 0; found &= found - 1, done = end + 1) {
            end = (size_t)__builtin_ctzll(found);
            memcpy(to, text + at + done, end - done);
            memcpy(to + end - done, r->content, r->content_length);
            to += end - done + r->content_length;
        }
        memcpy(to, text + at + done, bytes - done);
        buf_commit(out, (size_t)(to - start) + bytes - done);
    }
    return true;
}

static bool run_replace(const void *data, const char *text, size_t length, buf *out)
{
    const replace *r = data;
    if (r->find != NULL && r->find_length == 1)
        return replace_byte(r, text, length, out);
    size_t at = 0, start, end;
    while (find_match(r, text, length, at, &start, &end)) {
        if (!buf_append(out, text + at, start - at) || !buf_append(out, r->content, r->content_length))
            return false;
        at = end;
    }
    return buf_append(out, text + at, length - at);
}

const normal_kind normal_replace = {"Replace", read_replace, free_replace, run_replace, NULL};
