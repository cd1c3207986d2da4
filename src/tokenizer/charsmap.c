#include "tokenizer/charsmap.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "tokenizer/graphemes.h"
#include "tokenizer/tokenizer_limits.h"

#include <string.h>

#define LABEL_MASK (UINT32_C(1) << 31 | 0xFF)
#define KEY_BYTES_MAX (CHARSMAP_CLUSTER_BYTES - 1)

typedef struct found_key {
    char text[8];
    uint32_t length, at; /* at: where the replacement begins */
} found_key;

typedef struct walker {
    const unsigned char *units; /* [count][4], little-endian */
    size_t count, visited;
    size_t text_bytes;
    found_key *keys;
    size_t key_count, key_capacity;
    char key[KEY_BYTES_MAX];
    const char *path;
    aki_error *error;
} walker;

static aki_status damaged(const char *path, const char *why, aki_error *error)
{
    return error_set(error, AKI_MODEL_INVALID, "'%s': \"precompiled_charsmap\" is damaged: %s", path, why);
}

static int sextet(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Standard base64 with padding. bytes: [length / 4 * 3]. False where it is not that. */
static bool decode(const char *text, size_t length, unsigned char *bytes, size_t *count)
{
    *count = 0;
    if (length % 4 != 0)
        return false;
    for (size_t i = 0; i < length; i += 4) {
        size_t given = 4;
        if (i + 4 == length && text[i + 3] == '=')
            given = text[i + 2] == '=' ? 2 : 3;
        uint32_t group = 0;
        for (size_t k = 0; k < 4; k++) {
            int value = k < given ? sextet(text[i + k]) : 0;
            if (value < 0)
                return false;
            group = group << 6 | (uint32_t)value;
        }
        for (size_t k = 0; k + 1 < given; k++)
            bytes[(*count)++] = (unsigned char)(group >> (16 - 8 * k));
        if (given < 4 && (group & (given == 2 ? 0xFFFFU : 0xFFU)) != 0)
            return false; /* bits that stand for nothing */
    }
    return true;
}

static uint32_t read_u32(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static size_t unit_offset(uint32_t unit)
{
    return (size_t)(unit >> 10) << ((unit & 1U << 9) >> 6);
}

static aki_status take_key(walker *w, size_t length, size_t value_at)
{
    uint32_t at = value_at < w->count ? read_u32(w->units + 4 * value_at) & ~(UINT32_C(1) << 31) : UINT32_MAX;
    if (at > w->text_bytes)
        return damaged(w->path, "a replacement lies outside of it", w->error);
    if (w->key_count == w->key_capacity) {
        size_t capacity = w->key_capacity > 0 ? 2 * w->key_capacity : 1024;
        found_key *grown = mem_realloc(w->keys, capacity, sizeof *grown);
        if (grown == NULL)
            return error_set(w->error, AKI_OUT_OF_MEMORY, "no memory for the character map of '%s'", w->path);
        w->keys = grown;
        w->key_capacity = capacity;
    }
    found_key *key = &w->keys[w->key_count++];
    *key = (found_key){.length = (uint32_t)length, .at = at};
    memcpy(key->text, w->key, length);
    return AKI_OK;
}

/* The bytes that valid UTF-8 can go on with. */
typedef struct next_bytes {
    unsigned low, high;
    unsigned left; /* of the character that is open; 0 = none is */
} next_bytes;

static const next_bytes any_character = {0x01, 0xF4, 0};

static next_bytes behind(next_bytes expected, unsigned byte)
{
    if (expected.left > 1)
        return (next_bytes){0x80, 0xBF, expected.left - 1};
    if (expected.left == 1 || byte < 0x80)
        return any_character;
    return (next_bytes){.low = byte == 0xE0   ? 0xA0
                               : byte == 0xF0 ? 0x90
                                              : 0x80,
                        .high = byte == 0xED   ? 0x9F
                                : byte == 0xF4 ? 0x8F
                                               : 0xBF,
                        .left = byte < 0xE0   ? 1
                                : byte < 0xF0 ? 2
                                              : 3};
}

/* place: that of the node, moved by its offset. At most KEY_BYTES_MAX deep. */
static aki_status visit_children(walker *w, size_t place, size_t depth, next_bytes expected)
{
    for (unsigned byte = expected.low; byte <= expected.high; byte++) {
        if (expected.left == 0 && byte == 0x80)
            byte = 0xC2; /* the next that begins a character */
        size_t child = place ^ byte;
        uint32_t unit = child < w->count ? read_u32(w->units + 4 * child) : UINT32_MAX;
        if ((unit & LABEL_MASK) != byte)
            continue;
        if (++w->visited > w->count)
            return damaged(w->path, "several ways lead to a node of its trie", w->error);
        next_bytes next = behind(expected, byte);
        size_t below = child ^ unit_offset(unit);
        w->key[depth] = (char)byte;
        aki_status status = AKI_OK;
        if ((unit >> 8 & 1) != 0) /* a key ends here; longer ones are never asked for */
            status = next.left == 0 ? take_key(w, depth + 1, below)
                                    : damaged(w->path, "a key ends inside a character", w->error);
        else if (depth + 1 < KEY_BYTES_MAX)
            status = visit_children(w, below, depth + 1, next);
        if (status != AKI_OK)
            return status;
    }
    return AKI_OK;
}

/* Where the replacement that begins at `at` ends. */
static aki_status measure(const walker *w, const char *texts, uint32_t at, charsmap_text *text)
{
    if (at < w->text_bytes && ((unsigned char)texts[at] & 0xC0) == 0x80)
        return damaged(w->path, "a replacement begins inside a character", w->error);
    const char *end = memchr(texts + at, '\0', w->text_bytes - at);
    size_t length = (end != NULL ? (size_t)(end - texts) : w->text_bytes) - at;
    if (length > TOKENIZER_REPLACEMENT_BYTES_MAX)
        return error_set(
            w->error, AKI_MODEL_UNSUPPORTED,
            "'%s': \"precompiled_charsmap\" has a replacement of %zu bytes; this program takes up to %d",
            w->path, length, TOKENIZER_REPLACEMENT_BYTES_MAX);
    *text = (charsmap_text){at, (uint32_t)length};
    return AKI_OK;
}

/* values: [UNICODE_LIMIT], zeroed. */
static aki_status lay(charsmap *map, const walker *w, uint32_t *values)
{
    grapheme_classes_add(values);
    memset(map->plain, true, sizeof map->plain);
    map->count = w->key_count;
    map->replacements = mem_alloc(w->key_count, sizeof *map->replacements);
    map->keys = mem_alloc(w->key_count, sizeof *map->keys);
    if (map->replacements == NULL || map->keys == NULL || !token_index_init(&map->clusters, w->key_count))
        return error_set(w->error, AKI_OUT_OF_MEMORY, "no memory for the character map of '%s'", w->path);
    for (size_t i = 0; i < w->key_count; i++) {
        const found_key *key = &w->keys[i];
        aki_status status = measure(w, map->texts, key->at, &map->replacements[i]);
        if (status != AKI_OK)
            return status;
        memcpy(map->keys[i], key->text, sizeof map->keys[i]);
        uint32_t first;
        size_t bytes = utf8_decode(key->text, &first);
        if (first < 128 && (bytes == key->length || first == '\r'))
            map->plain[first] = false;
        if (bytes == key->length) {
            values[first] |= (uint32_t)(i + 1) << CHARSMAP_SHIFT;
        } else {
            values[first] |= CHARSMAP_BEGINS;
            token_index_add(&map->clusters, map->keys[i], key->length, (int32_t)i);
        }
    }
    map->printable = memchr(map->plain + ' ', false, '~' - ' ' + 1) == NULL;
    return AKI_OK;
}

static aki_status build(charsmap *map, walker *w)
{
    const unsigned char *units = w->units;
    uint32_t *values = mem_zalloc(UNICODE_LIMIT, sizeof *values);
    aki_status status = values != NULL ? AKI_OK : AKI_OUT_OF_MEMORY;
    if (status == AKI_OK)
        status = visit_children(w, unit_offset(read_u32(units)), 0, any_character);
    if (status == AKI_OK)
        status = lay(map, w, values);
    if (status == AKI_OK && !char_table_build(&map->characters, values))
        status = AKI_OUT_OF_MEMORY;
    mem_free(values);
    mem_free(w->keys);
    if (status == AKI_OUT_OF_MEMORY)
        error_set(w->error, status, "no memory for the character map of '%s'", w->path);
    return status;
}

/* bytes: the length of the trie in bytes, its units, the replacements. */
static aki_status build_from(charsmap *map, const unsigned char *bytes, size_t count, const char *path,
                             aki_error *error)
{
    size_t trie_bytes = count >= 4 ? read_u32(bytes) : 0;
    if (count < 8 || trie_bytes < 4 || trie_bytes % 4 != 0 || trie_bytes > count - 4)
        return damaged(path, "it is shorter than its trie", error);
    const char *texts = (const char *)bytes + 4 + trie_bytes;
    size_t text_bytes = count - 4 - trie_bytes;
    if (!utf8_valid(texts, text_bytes, NULL))
        return damaged(path, "its replacements are not valid UTF-8", error);
    map->texts = mem_copy_text(texts, text_bytes);
    if (map->texts == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the character map of '%s'", path);
    walker w = {
        .units = bytes + 4, .count = trie_bytes / 4, .text_bytes = text_bytes, .path = path, .error = error};
    return build(map, &w);
}

aki_status charsmap_build(charsmap *map, const char *base64, size_t length, const char *path,
                          aki_error *error)
{
    *map = (charsmap){0};
    unsigned char *bytes = mem_alloc(length / 4 + 1, 3);
    if (bytes == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the character map of '%s'", path);
    size_t count;
    aki_status status = decode(base64, length, bytes, &count) ? build_from(map, bytes, count, path, error)
                                                              : damaged(path, "it is not base64", error);
    mem_free(bytes);
    if (status != AKI_OK)
        charsmap_free(map);
    return status;
}

void charsmap_free(charsmap *map)
{
    char_table_free(&map->characters);
    token_index_free(&map->clusters);
    mem_free(map->replacements);
    mem_free(map->keys);
    mem_free(map->texts);
    *map = (charsmap){0};
}
