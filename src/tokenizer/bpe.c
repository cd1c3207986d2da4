#include "tokenizer/bpe.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "base/xxhash64.h"
#include "tokenizer/tokenizer_limits.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* The character that stands for a space where the model works on characters. */
#define SPACE_SIGN "\xE2\x96\x81"
#define SPACE_SIGN_BYTES ((size_t)3)

/* ---- Building ----------------------------------------------------------------------------------------- */

/* Adds the texts that the tokens stand for to the index. */
static bool index_tokens(bpe *model, const vocabulary *vocab, size_t count)
{
    buf_init(&model->texts, SIZE_MAX / 2);
    if (!token_index_init(&model->tokens, count))
        return false;
    if (!model->byte_level) {
        for (size_t id = 0; id < count; id++)
            if (vocab->length[id] > 0)
                token_index_add(&model->tokens, vocabulary_text(vocab, (int32_t)id), vocab->length[id],
                                (int32_t)id);
        return true;
    }
    if (buf_reserve(&model->texts, vocab->texts.length) ==
        NULL) /* so that it does not move: bytes are no more than their characters */
        return false;
    for (size_t id = 0; id < count; id++) {
        const size_t start = model->texts.length;
        if (byte_level_bytes(vocabulary_text(vocab, (int32_t)id), vocab->length[id], &model->texts) &&
            model->texts.length > start)
            token_index_add(&model->tokens, model->texts.data + start, model->texts.length - start,
                            (int32_t)id);
    }
    return !model->texts.failed;
}

static void find_bytes(bpe *model)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        char text[8] = {(char)byte};
        const size_t length = model->byte_level ? 1 : (size_t)snprintf(text, sizeof text, "<0x%02X>", byte);
        model->byte_ids[byte] = token_index_find(&model->tokens, text, length);
    }
    for (unsigned c = 0; c < 256; c++) {
        const char text[1] = {(char)c};
        model->single[c] = token_index_find(&model->tokens, text, 1);
    }
    if (!model->byte_level)
        model->single[BPE_BEGIN_SPACE] = token_index_find(&model->tokens, SPACE_SIGN, SPACE_SIGN_BYTES);
}

/* True where the text of the token begins, or ends, with that of the other one. */
static bool touches(const vocabulary *vocab, int32_t id, int32_t other, bool end)
{
    const size_t length = vocab->length[id], other_length = vocab->length[other];
    return length >= other_length && memcmp(vocabulary_text(vocab, id) + (end ? length - other_length : 0),
                                            vocabulary_text(vocab, other), other_length) == 0;
}

/* True where the token begins, or ends, with one that stands for a character without a token, so that its text is not that
 * of what it stands for. */
static bool touches_substitute(const bpe *model, const vocabulary *vocab, int32_t id, bool end)
{
    for (size_t byte = 0; byte < 256 && model->byte_fallback; byte++)
        if (model->byte_ids[byte] >= 0 && touches(vocab, id, model->byte_ids[byte], end))
            return true;
    return model->unknown >= 0 && touches(vocab, id, model->unknown, end);
}

/* True where a character may be left out, so that those beside it become neighbours. */
static bool leaves_out(const bpe *model)
{
    bool bytes = model->byte_fallback;
    for (size_t byte = 0; byte < 256; byte++)
        bytes = bytes && model->byte_ids[byte] >= 0;
    return model->unknown < 0 && !bytes;
}

/* Number of the beginning of a character in `joined`, or BPE_BEGINS. */
static inline size_t begin_of(const char *text, size_t length)
{
    const unsigned char byte = (unsigned char)text[0];
    if (byte < 0x80)
        return byte;
    return byte == (unsigned char)SPACE_SIGN[0] && length >= SPACE_SIGN_BYTES &&
                   memcmp(text, SPACE_SIGN, SPACE_SIGN_BYTES) == 0
               ? BPE_BEGIN_SPACE
               : BPE_BEGINS;
}

/* Takes ASCII letters and digits for joined. Cut where no merge joins two of them, a text of random ones would be pieces of two or
 * three characters, each of which misses the cache. */
static void join_letters(bpe *model)
{
    for (int last = 0; last < 128; last++)
        for (int begin = 0; begin < 128; begin++)
            if (isalnum(last) && isalnum(begin))
                model->joined[last][begin] = true;
}

/* Finds the characters that a merge joins. A character without a token would be part of a run of unknown ones. */
static void find_joined(bpe *model, const vocabulary *vocab, const bpe_settings *settings)
{
    bool all = leaves_out(model);
    join_letters(model);
    for (size_t begin = 0; begin < BPE_BEGINS; begin++) {
        for (size_t last = 0; last < 256 && model->single[begin] < 0; last++)
            model->joined[last][begin] = true;
    }
    for (size_t i = 0; i < settings->merge_count && !all; i++) {
        const bpe_merge *merge = &settings->merges[i];
        const size_t left_length = vocab->length[merge->left], right_length = vocab->length[merge->right];
        if (left_length == 0 || right_length == 0)
            continue;
        const size_t begin = begin_of(vocabulary_text(vocab, merge->right), right_length);
        if (begin < BPE_BEGINS)
            model->joined[(unsigned char)vocabulary_text(vocab, merge->left)[left_length - 1]][begin] = true;
        all = touches_substitute(model, vocab, merge->left, true) ||
              touches_substitute(model, vocab, merge->right, false);
    }
    if (all)
        memset(model->joined, true, sizeof model->joined);
}

static bool merge_piece(const bpe *model, bpe_scratch *scratch, const char *text, size_t length,
                        id_list *out);

/* Finds the tokens whose text becomes that token: nearly all, but not those that other merges come before. */
static bool find_whole(bpe *model)
{
    bpe_scratch scratch = {0};
    id_list ids = {0};
    bool done = token_index_init(&model->whole, model->tokens.count);
    for (size_t i = 0; i < model->tokens.count && done; i++) {
        const token_entry *entry = &model->tokens.entries[i];
        ids.count = 0;
        done = merge_piece(model, &scratch, entry->text, entry->length, &ids);
        if (done && (model->ignore_merges || (ids.count == 1 && ids.ids[0] == entry->value)))
            token_index_add(&model->whole, entry->text, entry->length, entry->value);
    }
    id_list_free(&ids);
    bpe_scratch_free(&scratch);
    return done;
}

static uint64_t fingerprint_of(const vocabulary *vocab, size_t count, const bpe_settings *settings)
{
    const uint32_t flags[] = {settings->byte_level, settings->byte_fallback, settings->fuse_unknown,
                              settings->ignore_merges, (uint32_t)settings->unknown};
    uint64_t hash = xxhash64(count, vocab->texts.data, vocab->texts.length);
    hash = xxhash64(hash, vocab->offset, count * sizeof *vocab->offset);
    hash = xxhash64(hash, settings->merges, settings->merge_count * sizeof *settings->merges);
    return xxhash64(hash, flags, sizeof flags);
}

aki_status bpe_build(bpe *model, const vocabulary *vocab, size_t count, const bpe_settings *settings,
                     aki_error *error)
{
    *model = (bpe){.unknown = settings->unknown,
                   .byte_level = settings->byte_level,
                   .byte_fallback = settings->byte_fallback,
                   .fuse_unknown = settings->fuse_unknown,
                   .ignore_merges = settings->ignore_merges};
    if (!index_tokens(model, vocab, count) ||
        !bpe_merges_build(&model->merges, settings->merges, settings->merge_count, count)) {
        bpe_free(model);
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the vocabulary of '%s'", vocab->path);
    }
    find_bytes(model);
    if (!model->byte_level)
        find_joined(model, vocab, settings);
    if (!bpe_merges_start(&model->merges, model->single) || !find_whole(model)) {
        bpe_free(model);
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the vocabulary of '%s'", vocab->path);
    }
    model->fingerprint = fingerprint_of(vocab, count, settings);
    return AKI_OK;
}

void bpe_free(bpe *model)
{
    bpe_merges_free(&model->merges);
    token_index_free(&model->tokens);
    token_index_free(&model->whole);
    buf_free(&model->texts);
}

void bpe_scratch_free(bpe_scratch *scratch)
{
    mem_free(scratch->symbols);
    mem_free(scratch->numbers);
    bpe_merge_scratch_free(&scratch->merges);
    piece_cache_free(&scratch->cache);
    *scratch = (bpe_scratch){0};
}

/* ---- Symbols ------------------------------------------------------------------------------------------ */

static bool reserve_symbols(bpe_scratch *scratch, size_t wanted)
{
    if (wanted <= scratch->capacity)
        return true;
    const size_t capacity = wanted > 2 * scratch->capacity ? wanted : 2 * scratch->capacity;
    int32_t *symbols = mem_realloc(scratch->symbols, capacity, sizeof *symbols);
    if (symbols == NULL)
        return false;
    scratch->symbols = symbols;
    uint8_t *numbers = mem_realloc(scratch->numbers, capacity, sizeof *numbers);
    if (numbers == NULL)
        return false;
    scratch->numbers = numbers;
    scratch->capacity = capacity;
    return true;
}

/* Where the symbols of a piece go. An unknown token is written only when a known character follows, so that it stands
 * behind the bytes of characters that are between the two, as in `tokenizers`. */
typedef struct writer {
    int32_t *symbols;
    size_t count;
    bool unknown; /* one is to be written */
} writer;

static inline void write_known(const bpe *model, writer *to, int32_t id)
{
    if (to->unknown)
        to->symbols[to->count++] = model->unknown;
    to->unknown = false;
    to->symbols[to->count++] = id;
}

static void write_unknown(const bpe *model, writer *to)
{
    if (to->unknown && !model->fuse_unknown)
        to->symbols[to->count++] = model->unknown;
    to->unknown = model->unknown >= 0;
}

static bool write_bytes(const bpe *model, writer *to, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (model->byte_ids[(unsigned char)text[i]] < 0)
            return false;
    for (size_t i = 0; i < length; i++)
        to->symbols[to->count++] = model->byte_ids[(unsigned char)text[i]];
    return true;
}

/* Writes the symbols of text[0..length): no more than bytes. */
static size_t write_symbols(const bpe *model, const char *text, size_t length, int32_t *symbols)
{
    writer to = {.symbols = symbols};
    for (size_t at = 0, bytes; at < length; at += bytes) {
        const unsigned char byte = (unsigned char)text[at];
        uint32_t code_point;
        bytes = model->byte_level || byte < 0x80 ? 1 : utf8_decode(text + at, &code_point);
        const int32_t id =
            bytes == 1 ? model->single[byte] : token_index_find(&model->tokens, text + at, bytes);
        if (id >= 0)
            write_known(model, &to, id);
        else if (!model->byte_fallback || !write_bytes(model, &to, text + at, bytes))
            write_unknown(model, &to);
    }
    if (to.unknown)
        to.symbols[to.count++] = model->unknown;
    return to.count;
}

/* Writes the symbols of a text of nothing but single ones (model->single), and their numbers. SIZE_MAX = it is another one. */
static size_t write_singles(const bpe *model, const char *text, size_t length, int32_t *symbols,
                            uint8_t *numbers)
{
    int32_t all = 0;
    size_t count = 0;
    for (size_t at = 0; at < length && all >= 0; count++) {
        const size_t number = model->byte_level ? (unsigned char)text[at] : begin_of(text + at, length - at);
        if (number == BPE_BEGINS)
            return SIZE_MAX;
        at += number == BPE_BEGIN_SPACE && !model->byte_level ? SPACE_SIGN_BYTES : 1;
        numbers[count] = (uint8_t)number;
        all |= symbols[count] = model->single[number];
    }
    return all >= 0 ? count : SIZE_MAX;
}

/* ---- Pieces ------------------------------------------------------------------------------------------- */

static bool push(id_list *out, int32_t id)
{
    if (!id_list_reserve(out, 1))
        return false;
    out->ids[out->count++] = id;
    return true;
}

static bool merge_piece(const bpe *model, bpe_scratch *scratch, const char *text, size_t length, id_list *out)
{
    if (!reserve_symbols(scratch, length))
        return false;
    bpe_word word = {scratch->symbols, scratch->numbers,
                     write_singles(model, text, length, scratch->symbols, scratch->numbers)};
    if (word.count == SIZE_MAX)
        word = (bpe_word){scratch->symbols, NULL, write_symbols(model, text, length, scratch->symbols)};
    return bpe_merge_word(&model->merges, &scratch->merges, &word, out);
}

static bool find_piece(const bpe *model, bpe_scratch *scratch, const char *text, size_t length, id_list *out)
{
    const int32_t whole = token_index_find(&model->whole, text, length);
    return whole != TOKEN_INDEX_NONE ? push(out, whole) : merge_piece(model, scratch, text, length, out);
}

static bool encode_piece(const bpe *model, bpe_scratch *scratch, const char *text, size_t length, size_t room,
                         id_list *out)
{
    if (length > PIECE_CACHE_TEXT)
        return find_piece(model, scratch, text, length, out);
    if (!id_list_reserve(out, PIECE_CACHE_IDS))
        return false;
    const piece_place place = piece_cache_find(&scratch->cache, text, length, room);
    if (piece_cache_get(&place, out))
        return true;
    const size_t before = out->count;
    if (!find_piece(model, scratch, text, length, out))
        return false;
    piece_cache_put(&place, out->ids + before, out->count - before);
    return true;
}

/* Length of the piece that text[0..length) begins with: to before a character that nothing joins with what is before it. */
static size_t piece_of(const bpe *model, const char *text, size_t length)
{
    for (size_t at = 1; at < length; at++) {
        const size_t begin = begin_of(text + at, length - at);
        if (begin < BPE_BEGINS && !model->joined[(unsigned char)text[at - 1]][begin])
            return at;
    }
    return length;
}

bool bpe_encode(const bpe *model, bpe_scratch *scratch, const char *text, size_t length, size_t room,
                id_list *out, size_t stop_count)
{
    if (length >= UINT32_MAX || !piece_cache_ready(&scratch->cache, model->fingerprint))
        return false;
    if (model->byte_level || model->ignore_merges)
        return encode_piece(model, scratch, text, length, room, out);
    for (size_t piece; length > 0 && out->count < stop_count; text += piece, length -= piece, room -= piece) {
        piece = piece_of(model, text, length);
        if (!encode_piece(model, scratch, text, piece, room, out))
            return false;
    }
    return true;
}

/* Bytes 0 to 32, 127 to 160 and 173 are moved to the characters behind Latin-1, in their order. */
#define MOVED_TO 256
#define MOVED_COUNT (33 + 34 + 1)

static bool is_moved(unsigned byte)
{
    return byte <= 32 || (byte >= 127 && byte <= 160) || byte == 173;
}

uint32_t byte_level_character(uint8_t byte)
{
    if (!is_moved(byte))
        return byte;
    return MOVED_TO + (byte <= 32 ? byte : byte <= 160 ? 33U + byte - 127 : MOVED_COUNT - 1U);
}

int byte_level_byte(uint32_t code_point)
{
    if (code_point < MOVED_TO)
        return is_moved(code_point) ? -1 : (int)code_point;
    const uint32_t moved = code_point - MOVED_TO;
    if (moved >= MOVED_COUNT)
        return -1;
    return moved < 33 ? (int)moved : moved < MOVED_COUNT - 1 ? (int)(moved - 33 + 127) : 173;
}

bool byte_level_bytes(const char *text, size_t length, buf *out)
{
    const size_t before = out->length;
    for (size_t at = 0; at < length;) {
        uint32_t code_point;
        at += utf8_decode(text + at, &code_point);
        const int byte = byte_level_byte(code_point);
        if (byte < 0 || !buf_append_char(out, (char)byte)) {
            out->length = before;
            return false;
        }
    }
    return true;
}
