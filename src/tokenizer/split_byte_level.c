/* The ByteLevel pre-tokenizer: puts a space before the piece (add_prefix_space), and cuts it by GPT-2's pattern
 * (use_regex). It would then write each byte as a character; here the model takes the bytes (bpe.h), so that it must be the
 * last one. */
#include "tokenizer/split_stages.h"

#include "base/error.h"
#include "base/json_parse.h"
#include "base/memory.h"

typedef struct byte_level {
    bool prefix;
    const split_pattern *pattern; /* or NULL */
} byte_level;

static aki_status read_byte_level(void **data, const json_t *part, const char *path, aki_error *error)
{
    bool prefix = true, pattern = true, trim;
    aki_status status = json_field_bool(part, path, "add_prefix_space", &prefix, error);
    if (status == AKI_OK)
        status = json_field_bool(part, path, "use_regex", &pattern, error);
    if (status == AKI_OK)
        status = json_field_bool(part, path, "trim_offsets", &trim, error);
    if (status != AKI_OK)
        return status;
    byte_level *level = mem_zalloc(1, sizeof *level);
    if (level == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for a pre-tokenizer of '%s'", path);
    *level = (byte_level){prefix, pattern ? split_pattern_find(SPLIT_PATTERN_GPT2) : NULL};
    *data = level;
    return AKI_OK;
}

static bool run_byte_level(const void *data, split_run *run, size_t stage, split_piece piece)
{
    const byte_level *level = data;
    if (level->prefix && piece.text[0] != ' ') {
        buf *out = &run->texts[stage];
        buf_clear(out);
        if (!buf_append_char(out, ' ') || !buf_append(out, piece.text, piece.length))
            return false;
        piece.text = out->data;
        piece.length = out->length;
        piece.room = out->capacity;
    }
    return level->pattern == NULL ? split_run_piece(run, stage + 1, piece)
                                  : split_run_pattern(level->pattern, run, stage, piece);
}

static bool cuts_at_space(const void *data)
{
    const byte_level *level = data;
    return level->pattern != NULL;
}

static bool is_idle(const void *data)
{
    const byte_level *level = data;
    return !level->prefix && level->pattern == NULL;
}

const split_kind split_byte_level = {"ByteLevel",    read_byte_level, mem_free,
                                     run_byte_level, cuts_at_space,   is_idle};
