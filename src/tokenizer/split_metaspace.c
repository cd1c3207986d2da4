/* The Metaspace pre-tokenizer: puts a character, usually U+2581, in place of each space and before the piece, and cuts
 * before each. */
#include "tokenizer/split_stages.h"

#include "base/error.h"
#include "base/json_parse.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "tokenizer/byte_block.h"

#include <string.h>

typedef struct metaspace {
    char replacement[4];
    size_t length;
    metaspace_prefix prefix;
    bool split;
} metaspace;

void *metaspace_new(const char *replacement, size_t length, metaspace_prefix prefix, bool split)
{
    metaspace *meta = mem_zalloc(1, sizeof *meta);
    if (meta == NULL)
        return NULL;
    memcpy(meta->replacement, replacement, length);
    meta->length = length;
    meta->prefix = prefix;
    meta->split = split;
    return meta;
}

metaspace_prefix metaspace_prefix_of(const void *data)
{
    const metaspace *meta = data;
    return meta->prefix;
}

/* "prepend_scheme", or by its older name "add_prefix_space"; `tokenizers` refuses a file where they disagree. */
static aki_status read_prefix(const json_t *part, const char *path, metaspace_prefix *prefix,
                              aki_error *error)
{
    static const char *const schemes[] = {
        [METASPACE_ALWAYS] = "always", [METASPACE_FIRST] = "first", [METASPACE_NEVER] = "never"};
    const char *scheme = schemes[METASPACE_ALWAYS];
    bool add = true;
    aki_status status = json_field_string(part, path, "prepend_scheme", &scheme, error);
    if (status == AKI_OK)
        status = json_field_bool(part, path, "add_prefix_space", &add, error);
    if (status != AKI_OK)
        return status;
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (strcmp(schemes[i], scheme) != 0)
            continue;
        *prefix = (metaspace_prefix)i;
        if (!add && *prefix != METASPACE_NEVER)
            return error_set(error, AKI_MODEL_INVALID,
                             "'%s': a Metaspace pre-tokenizer has \"add_prefix_space\" false and "
                             "\"prepend_scheme\" '%s'",
                             path, scheme);
        return AKI_OK;
    }
    return error_set(
        error, AKI_MODEL_UNSUPPORTED,
        "'%s': a Metaspace pre-tokenizer has the \"prepend_scheme\" '%.100s'; this program knows "
        "always, first and never",
        path, scheme);
}

static aki_status read_metaspace(void **data, const json_t *part, const char *path, aki_error *error)
{
    const json_t *replacement = json_object_get(part, "replacement");
    const char *text = json_string_value(replacement);
    size_t length = json_string_length(replacement);
    uint32_t code_point;
    if (length == 0 || utf8_decode(text, &code_point) != length)
        return error_set(error, AKI_MODEL_INVALID,
                         "'%s': a Metaspace pre-tokenizer needs \"replacement\", one character", path);
    metaspace_prefix prefix = METASPACE_ALWAYS;
    bool split = true;
    aki_status status = read_prefix(part, path, &prefix, error);
    if (status == AKI_OK)
        status = json_field_bool(part, path, "split", &split, error);
    if (status != AKI_OK)
        return status;
    *data = metaspace_new(text, length, prefix, split);
    return *data != NULL ? AKI_OK
                         : error_set(error, AKI_OUT_OF_MEMORY, "no memory for a pre-tokenizer of '%s'", path);
}

static bool begins(const metaspace *meta, const char *text, size_t length)
{
    return length >= meta->length && memcmp(text, meta->replacement, meta->length) == 0;
}

static bool write_text(const metaspace *meta, split_piece piece, buf *out)
{
    bool prefixed = begins(meta, piece.text, piece.length) || piece.text[0] == ' ';
    bool wanted = meta->prefix == METASPACE_ALWAYS || (meta->prefix == METASPACE_FIRST && piece.first > 0);
    buf_clear(out);
    if (wanted && !prefixed && !buf_append(out, meta->replacement, meta->length))
        return false;
    for (size_t at = 0; at < piece.length;) {
        const char *space = memchr(piece.text + at, ' ', piece.length - at);
        size_t end = space != NULL ? (size_t)(space - piece.text) : piece.length;
        if (!buf_append(out, piece.text + at, end - at) ||
            (space != NULL && !buf_append(out, meta->replacement, meta->length)))
            return false;
        at = end + (space != NULL);
    }
    return true;
}

/* Where the next replacement stands at or behind `from`, or the length. */
static size_t next_cut(const metaspace *meta, const char *text, size_t length, size_t from)
{
    while (from < length) {
        const char *found = memchr(text + from, meta->replacement[0], length - from);
        if (found == NULL)
            return length;
        from = (size_t)(found - text);
        if (begins(meta, found, length - from))
            return from;
        from++;
    }
    return length;
}

/* True where neither a space nor a replacement can be in the piece, which is short. */
static inline bool is_plain_word(const metaspace *meta, split_piece piece)
{
    if (piece.length > BYTE_VECTOR_BYTES || piece.room < BYTE_VECTOR_BYTES)
        return false;
    const byte_vector zero = {0}, v = byte_vector_load(piece.text);
    const byte_vector found = (byte_vector)((v == zero + ' ') | (v == zero + (uint8_t)meta->replacement[0]));
    return (byte_vector_bits(found) & ((UINT64_C(1) << piece.length) - 1)) == 0;
}

static bool run_plain_word(const metaspace *meta, split_run *run, size_t stage, split_piece piece)
{
    buf *out = &run->texts[stage];
    if (meta->prefix == METASPACE_NEVER || (meta->prefix == METASPACE_FIRST && piece.first == 0))
        return split_run_piece(run, stage + 1, piece);
    buf_clear(out);
    char *to = buf_reserve(out, sizeof meta->replacement + BYTE_VECTOR_BYTES);
    if (to == NULL)
        return false;
    memcpy(to, meta->replacement, sizeof meta->replacement);
    memcpy(to + meta->length, piece.text, BYTE_VECTOR_BYTES);
    return split_run_piece(run, stage + 1,
                           (split_piece){to, meta->length + piece.length, out->capacity, piece.first});
}

static bool run_metaspace(const void *data, split_run *run, size_t stage, split_piece piece)
{
    const metaspace *meta = data;
    buf *out = &run->texts[stage];
    if (is_plain_word(meta, piece))
        return run_plain_word(meta, run, stage, piece);
    if (!write_text(meta, piece, out))
        return false;
    for (size_t start = 0, end; start < out->length && !split_run_stopped(run); start = end) {
        size_t from = start + (begins(meta, out->data + start, out->length - start) ? meta->length : 1);
        end = meta->split ? next_cut(meta, out->data, out->length, from) : out->length;
        const split_piece whole = {out->data, out->length, out->capacity, piece.first};
        if (!split_run_piece(run, stage + 1, split_piece_part(whole, start, end)))
            return false;
    }
    return true;
}

const split_kind split_metaspace = {"Metaspace", read_metaspace, mem_free, run_metaspace, NULL, NULL};
