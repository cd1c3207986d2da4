/* The Precompiled normalizer: each grapheme cluster of less than CHARSMAP_CLUSTER_BYTES becomes the replacement of the
 * shortest key that it begins with, whatever else is in it; where there is none, and in longer clusters, each character
 * becomes its own replacement or stays. So does `tokenizers`. */
#include "tokenizer/normal_stages.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "tokenizer/byte_block.h"
#include "tokenizer/charsmap.h"
#include "tokenizer/graphemes.h"

#include <string.h>

static void free_map(void *data)
{
    charsmap_free(data);
    mem_free(data);
}

static aki_status read_map(void **data, const json_t *part, const char *path, aki_error *error)
{
    const json_t *text = json_object_get(part, "precompiled_charsmap");
    if (!json_is_string(text))
        return error_set(error, AKI_MODEL_INVALID,
                         "'%s': a Precompiled normalizer needs \"precompiled_charsmap\", a string", path);
    charsmap *map = mem_zalloc(1, sizeof *map);
    if (map == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the character map of '%s'", path);
    aki_status status = charsmap_build(map, json_string_value(text), json_string_length(text), path, error);
    if (status != AKI_OK)
        free_map(map);
    else
        *data = map;
    return status;
}

static bool append_replacement(const charsmap *map, size_t number, buf *out)
{
    charsmap_text text = map->replacements[number];
    return buf_append(out, map->texts + text.offset, text.length);
}

static bool append_characters(const charsmap *map, const char *text, size_t length, buf *out)
{
    size_t kept = 0; /* text[kept..i) stays, and is not appended yet */
    for (size_t i = 0, bytes; i < length; i += bytes) {
        uint32_t code_point;
        bytes = utf8_decode(text + i, &code_point);
        const uint32_t number = char_table_get(&map->characters, code_point) >> CHARSMAP_SHIFT;
        if (number == 0)
            continue;
        if (!buf_append(out, text + kept, i - kept) || !append_replacement(map, number - 1, out))
            return false;
        kept = i + bytes;
    }
    return buf_append(out, text + kept, length - kept);
}

/* A grapheme cluster. value: that of its first character. */
typedef struct cluster {
    size_t bytes, first_bytes;
    uint32_t value;
} cluster;

/* The cluster that text[0..length), length >= 1, begins with. */
static cluster cluster_of(const charsmap *map, const char *text, size_t length)
{
    uint32_t code_point;
    size_t end = utf8_decode(text, &code_point);
    const uint32_t value = char_table_get(&map->characters, code_point);
    const size_t first_bytes = end;
    if (end < length && ((unsigned char)text[0] | (unsigned char)text[1]) < 0x80 && text[0] != '\r')
        return (cluster){1, 1, value}; /* of ASCII only CR LF is one */
    grapheme_cluster open = grapheme_begin(value & GRAPHEME_CLASS_MASK);
    while (end < length) {
        const size_t bytes = utf8_decode(text + end, &code_point);
        if (!grapheme_joins(&open, char_table_get(&map->characters, code_point) & GRAPHEME_CLASS_MASK))
            break;
        end += bytes;
    }
    return (cluster){end, first_bytes, value};
}

/* The number of the replacement of a cluster as a whole, or TOKEN_INDEX_NONE. */
static int32_t replacement_of(const charsmap *map, const char *text, const cluster *c)
{
    if (c->bytes >= CHARSMAP_CLUSTER_BYTES)
        return TOKEN_INDEX_NONE;
    if (c->value >> CHARSMAP_SHIFT > 0)
        return (int32_t)(c->value >> CHARSMAP_SHIFT) - 1;
    size_t matched;
    return (c->value & CHARSMAP_BEGINS) != 0
               ? token_index_longest(&map->clusters, text, c->bytes, &matched)
               : TOKEN_INDEX_NONE; /* no key begins with another: the longest is the only one */
}

static bool append_cluster(const charsmap *map, const char *text, const cluster *c, buf *out)
{
    const int32_t number = replacement_of(map, text, c);
    return number != TOKEN_INDEX_NONE ? append_replacement(map, (size_t)number, out)
                                      : append_characters(map, text, c->bytes, out);
}

/* A replacement of several characters stands for them one by one; what is more goes with the last. */
static size_t first_of_map(const void *data, const char *text, size_t length)
{
    const charsmap *map = data;
    size_t bytes = 0;
    for (size_t at = 0; at < length && bytes == 0;) {
        cluster c = cluster_of(map, text + at, length - at);
        const int32_t whole = replacement_of(map, text + at, &c);
        const uint32_t own = c.value >> CHARSMAP_SHIFT;
        uint32_t code_point;
        if (whole == TOKEN_INDEX_NONE) {
            bytes = own > 0 ? map->replacements[own - 1].length : c.first_bytes;
            at += c.first_bytes;
            continue;
        }
        bytes = map->replacements[whole].length;
        if (bytes > 0 && c.bytes > c.first_bytes)
            bytes = utf8_decode(map->texts + map->replacements[whole].offset, &code_point);
        at += c.bytes;
    }
    return bytes;
}

/* Bytes of the ASCII characters at text[0..length) that stay where no mark follows. */
static inline size_t plain_ascii(const charsmap *map, const char *text, size_t length)
{
    size_t run = 0;
    for (uint64_t others = 0; map->printable && others == 0 && run + BYTE_VECTOR_BYTES <= length;) {
        others = byte_vector_unprintable(byte_vector_load(text + run));
        run += others == 0 ? BYTE_VECTOR_BYTES : (size_t)__builtin_ctzll(others);
    }
    while (run < length && (unsigned char)text[run] < 0x80 && map->plain[(unsigned char)text[run]])
        run++;
    return run;
}

/* Bytes of the characters at text[0..length) that are clusters of their own and stay. A character of no grapheme class joins
 * none before it; any other one beyond ASCII may, so that the character before it is left out. */
static size_t plain_run(const charsmap *map, const char *text, size_t length)
{
    for (size_t run = 0, last = 0, bytes;; run += bytes, last = bytes) {
        if (run == length || (unsigned char)text[run] < 0x80) {
            const size_t ascii = run < length ? plain_ascii(map, text + run, length - run) : 0;
            last = ascii > 0 ? 1 : last;
            run += ascii;
            if (run == length || (unsigned char)text[run] < 0x80)
                return run;
        }
        uint32_t code_point;
        bytes = utf8_decode(text + run, &code_point);
        if ((char_table_get(&map->characters, code_point) & ~CHARSMAP_BEGINS) != 0)
            return run - last;
    }
}

static bool run_map(const void *data, const char *text, size_t length, buf *out)
{
    const charsmap *map = data;
    size_t i = 0;
    while (i < length) {
        size_t run = plain_run(map, text + i, length - i);
        if (run > 0) {
            if (!buf_append(out, text + i, run))
                return false;
            i += run;
            continue;
        }
        const cluster c = cluster_of(map, text + i, length - i);
        if (!append_cluster(map, text + i, &c, out))
            return false;
        i += c.bytes;
    }
    return true;
}

static bool space_stays(const void *data)
{
    const charsmap *map = data;
    return char_table_get(&map->characters, ' ') >> CHARSMAP_SHIFT == 0 &&
           (char_table_get(&map->characters, ' ') & CHARSMAP_BEGINS) == 0;
}

const normal_kind normal_precompiled = {"Precompiled", read_map,    free_map,
                                        run_map,       space_stays, first_of_map};
