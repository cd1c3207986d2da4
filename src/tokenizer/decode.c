#include "tokenizer/decode.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "tokenizer/bpe.h"

#include <string.h>

typedef struct text {
    const char *data;
    size_t length;
} text;

void decode_texts_init(decode_texts *texts)
{
    buf_init(&texts->bytes, SIZE_MAX / 2);
    buf_init(&texts->ends, SIZE_MAX / 2);
}

void decode_texts_free(decode_texts *texts)
{
    buf_free(&texts->bytes);
    buf_free(&texts->ends);
}

bool decode_texts_end(decode_texts *texts)
{
    return !texts->bytes.failed && buf_append(&texts->ends, &texts->bytes.length, sizeof texts->bytes.length);
}

static size_t count_of(const decode_texts *texts)
{
    return texts->ends.length / sizeof(size_t);
}

static text text_at(const decode_texts *texts, size_t index)
{
    size_t start = 0, end;
    if (index > 0)
        memcpy(&start, texts->ends.data + (index - 1) * sizeof start, sizeof start);
    memcpy(&end, texts->ends.data + index * sizeof end, sizeof end);
    return (text){texts->bytes.data != NULL ? texts->bytes.data + start : "", end - start};
}

static bool starts_with(text whole, const char *prefix, size_t length)
{
    return whole.length >= length && memcmp(whole.data, prefix, length) == 0;
}

static void append_replaced(text from, const char *what, const char *with, buf *out)
{
    const size_t length = strlen(what);
    size_t plain = 0, at = 0;
    while (at + length <= from.length) {
        if (memcmp(from.data + at, what, length) != 0) {
            at++;
            continue;
        }
        buf_append(out, from.data + plain, at - plain);
        buf_append_string(out, with);
        plain = at += length;
    }
    buf_append(out, from.data + plain, from.length - plain);
}

/* ---- WordPiece ---------------------------------------------------------------------------------------- */

typedef struct replacement {
    const char *from, *to;
} replacement;

/* In this order, each over the outcome of those before it. */
static const replacement cleanup[] = {{" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
                                      {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
                                      {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};

/* Replaces in place, which no replacement makes longer; returns the new length. */
static size_t clean(char *data, size_t length, const replacement *r)
{
    const size_t from = strlen(r->from), to = strlen(r->to);
    size_t written = 0;
    for (size_t at = 0; at < length;) {
        if (length - at >= from && memcmp(data + at, r->from, from) == 0) {
            memcpy(data + written, r->to, to);
            written += to;
            at += from;
        } else {
            data[written++] = data[at++];
        }
    }
    return written;
}

static bool join_words(const decode_stage *stage, text token, size_t index, buf *out)
{
    const size_t prefix = strlen(stage->from);
    const bool continues = index > 0 && starts_with(token, stage->from, prefix);
    const bool blank = index > 0 && !continues;
    if (continues)
        token = (text){token.data + prefix, token.length - prefix};
    size_t length = token.length + blank;
    char *at = buf_reserve(out, length);
    if (at == NULL)
        return false;
    if (blank)
        *at = ' ';
    memcpy(at + blank, token.data, token.length);
    for (size_t i = 0; i < sizeof cleanup / sizeof cleanup[0] && stage->on; i++)
        length = clean(at, length, &cleanup[i]);
    buf_commit(out, length);
    return true;
}

/* ---- The other stages --------------------------------------------------------------------------------- */

static size_t char_length(char first)
{
    const unsigned char byte = (unsigned char)first;
    return byte < 0xC0 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

static void strip(const decode_stage *stage, text token, buf *out)
{
    const size_t length = strlen(stage->from);
    size_t start = 0, end = token.length;
    for (size_t i = 0;
         i < stage->start && starts_with((text){token.data + start, end - start}, stage->from, length); i++)
        start += length;
    for (size_t i = 0; i < stage->stop && end - start >= length &&
                       memcmp(token.data + end - length, stage->from, length) == 0;
         i++)
        end -= length;
    buf_append(out, token.data + start, end - start);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

/* The byte that "<0x41>" stands for, or -1. */
static int byte_of(text token)
{
    if (token.length != 6 || !starts_with(token, "<0x", 3) || token.data[5] != '>')
        return -1;
    const int high = hex_digit(token.data[3]), low = hex_digit(token.data[4]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* Ends a run of bytes that began at `start` of the outcome: bytes that are no text become a U+FFFD each. */
static bool end_bytes(decode_texts *out, size_t start)
{
    const size_t count = out->bytes.length - start;
    if (count == 0)
        return true;
    if (utf8_valid(out->bytes.data + start, count, NULL))
        return decode_texts_end(out);
    out->bytes.length = start;
    for (size_t i = 0; i < count; i++)
        if (!buf_append_string(&out->bytes, "\xEF\xBF\xBD") || !decode_texts_end(out))
            return false;
    return true;
}

static bool join_bytes(const decode_texts *tokens, decode_texts *out)
{
    size_t start = 0;
    for (size_t i = 0; i < count_of(tokens); i++) {
        const text token = text_at(tokens, i);
        const int byte = byte_of(token);
        if (byte >= 0) {
            buf_append_char(&out->bytes, (char)byte);
            continue;
        }
        if (!end_bytes(out, start))
            return false;
        buf_append(&out->bytes, token.data, token.length);
        if (!decode_texts_end(out))
            return false;
        start = out->bytes.length;
    }
    return end_bytes(out, start);
}

/* All tokens are the bytes of one text. A token with a character that stands for no byte is its own bytes. */
static bool join_byte_level(const decode_texts *tokens, decode_texts *out)
{
    buf bytes;
    buf_init(&bytes, SIZE_MAX / 2);
    for (size_t i = 0; i < count_of(tokens) && !bytes.failed; i++) {
        const text token = text_at(tokens, i);
        if (!byte_level_bytes(token.data, token.length, &bytes))
            buf_append(&bytes, token.data, token.length);
    }
    const bool done = !bytes.failed &&
                      (bytes.length == 0 || utf8_repair(bytes.data, bytes.length, &out->bytes)) &&
                      decode_texts_end(out);
    buf_free(&bytes);
    return done;
}

static bool run_on_token(const decode_stage *stage, text token, size_t index, decode_texts *out)
{
    switch (stage->kind) {
    case DECODE_WORDPIECE:
        if (!join_words(stage, token, index, &out->bytes))
            return false;
        break;
    case DECODE_METASPACE:
        append_replaced(token, stage->from, index == 0 && stage->on ? "" : " ", &out->bytes);
        break;
    case DECODE_REPLACE:
        append_replaced(token, stage->from, stage->to, &out->bytes);
        break;
    case DECODE_STRIP:
        strip(stage, token, &out->bytes);
        break;
    case DECODE_FUSE:
    case DECODE_BYTE_FALLBACK:
    case DECODE_BYTE_LEVEL:
        break;
    }
    return decode_texts_end(out);
}

static bool run_stage(const decode_stage *stage, const decode_texts *tokens, decode_texts *out)
{
    if (stage->kind == DECODE_BYTE_FALLBACK)
        return join_bytes(tokens, out);
    if (stage->kind == DECODE_BYTE_LEVEL)
        return join_byte_level(tokens, out);
    if (stage->kind == DECODE_FUSE)
        return (tokens->bytes.length == 0 ||
                buf_append(&out->bytes, tokens->bytes.data, tokens->bytes.length)) &&
               decode_texts_end(out);
    for (size_t i = 0; i < count_of(tokens); i++)
        if (!run_on_token(stage, text_at(tokens, i), i, out))
            return false;
    return true;
}

bool token_decoder_run(const token_decoder *decoder, decode_texts *tokens, buf *out)
{
    for (size_t i = 0; i < decoder->count; i++) {
        decode_texts next;
        decode_texts_init(&next);
        const bool done = run_stage(&decoder->stages[i], tokens, &next);
        decode_texts_free(tokens);
        *tokens = next;
        if (!done)
            return false;
    }
    for (size_t i = 0; i < count_of(tokens); i++) {
        const text token = text_at(tokens, i);
        if ((decoder->count == 0 && i > 0 && !buf_append_char(out, ' ')) ||
            !buf_append(out, token.data, token.length))
            return false;
    }
    return true;
}

/* ---- Reading ------------------------------------------------------------------------------------------ */

typedef enum reading { READ, UNSUPPORTED, NO_MEMORY } reading;

void token_decoder_free(token_decoder *decoder)
{
    for (size_t i = 0; i < decoder->count; i++) {
        mem_free(decoder->stages[i].from);
        mem_free(decoder->stages[i].to);
    }
    *decoder = (token_decoder){0};
}

static reading copy(char **out, const json_t *value, bool may_be_empty)
{
    const size_t length = json_string_length(value);
    if (!json_is_string(value) || strlen(json_string_value(value)) != length ||
        (length == 0 && !may_be_empty))
        return UNSUPPORTED;
    *out = mem_copy_string(json_string_value(value));
    return *out != NULL ? READ : NO_MEMORY;
}

/* One character. */
static reading copy_char(char **out, const json_t *value)
{
    const char *given = json_string_value(value);
    if (given == NULL || given[0] == '\0' || char_length(given[0]) != json_string_length(value))
        return UNSUPPORTED;
    return copy(out, value, false);
}

static bool read_count(const json_t *value, size_t *out)
{
    *out = (size_t)json_integer_value(value);
    return json_is_integer(value) && json_integer_value(value) >= 0;
}

static reading read_wordpiece(decode_stage *stage, const json_t *object)
{
    const json_t *prefix = json_object_get(object, "prefix");
    stage->kind = DECODE_WORDPIECE;
    stage->on = json_is_true(json_object_get(object, "cleanup"));
    return copy(&stage->from, prefix, true);
}

static reading read_metaspace(decode_stage *stage, const json_t *object)
{
    const char *scheme = json_string_value(json_object_get(object, "prepend_scheme"));
    stage->kind = DECODE_METASPACE;
    stage->on = !json_is_false(json_object_get(object, "add_prefix_space")) &&
                (scheme == NULL || strcmp(scheme, "never") != 0);
    return copy_char(&stage->from, json_object_get(object, "replacement"));
}

static reading read_replace(decode_stage *stage, const json_t *object)
{
    stage->kind = DECODE_REPLACE;
    const reading from =
        copy(&stage->from, json_object_get(json_object_get(object, "pattern"), "String"), false);
    return from == READ ? copy(&stage->to, json_object_get(object, "content"), true) : from;
}

static reading read_strip(decode_stage *stage, const json_t *object)
{
    stage->kind = DECODE_STRIP;
    if (!read_count(json_object_get(object, "start"), &stage->start) ||
        !read_count(json_object_get(object, "stop"), &stage->stop))
        return UNSUPPORTED;
    return copy_char(&stage->from, json_object_get(object, "content"));
}

static reading read_bytes(decode_stage *stage, const json_t *object)
{
    (void)object;
    stage->kind = DECODE_BYTE_FALLBACK;
    return READ;
}

static reading read_byte_level(decode_stage *stage, const json_t *object)
{
    (void)object;
    stage->kind = DECODE_BYTE_LEVEL;
    return READ;
}

static reading read_fuse(decode_stage *stage, const json_t *object)
{
    (void)object;
    stage->kind = DECODE_FUSE;
    return READ;
}

static reading read_stage(token_decoder *out, const json_t *object)
{
    static const struct {
        const char *type;
        reading (*read)(decode_stage *stage, const json_t *object);
    } types[] = {{"WordPiece", read_wordpiece}, {"Metaspace", read_metaspace}, {"Replace", read_replace},
                 {"Strip", read_strip},         {"ByteFallback", read_bytes},  {"Fuse", read_fuse},
                 {"ByteLevel", read_byte_level}};
    const char *type = json_string_value(json_object_get(object, "type"));
    for (size_t i = 0; i < sizeof types / sizeof types[0] && type != NULL && out->count < DECODE_STAGES_MAX;
         i++)
        if (strcmp(types[i].type, type) == 0) {
            decode_stage *stage = &out->stages[out->count++];
            return types[i].read(stage, object);
        }
    return UNSUPPORTED;
}

/* A sequence holds no other one, in practice. */
static reading read_all(token_decoder *out, const json_t *decoder)
{
    const char *type = json_string_value(json_object_get(decoder, "type"));
    const json_t *parts = json_object_get(decoder, "decoders");
    if (type == NULL || strcmp(type, "Sequence") != 0)
        return read_stage(out, decoder);
    reading done = json_array_size(parts) > 0 ? READ : UNSUPPORTED;
    for (size_t i = 0; i < json_array_size(parts) && done == READ; i++)
        done = read_stage(out, json_array_get(parts, i));
    return done;
}

aki_status token_decoder_read(token_decoder *out, const json_t *decoder, aki_error *error)
{
    *out = (token_decoder){0};
    const reading done = decoder == NULL || json_is_null(decoder) ? READ : read_all(out, decoder);
    if (done == READ)
        return AKI_OK;
    token_decoder_free(out);
    if (done == NO_MEMORY)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the decoder");
    out->unsupported = true;
    return AKI_OK;
}

aki_status token_decoder_usual(token_decoder *out, aki_error *error)
{
    *out = (token_decoder){.count = 1, .stages[0] = {.kind = DECODE_WORDPIECE, .on = true}};
    out->stages[0].from = mem_copy_string("##");
    if (out->stages[0].from != NULL)
        return AKI_OK;
    *out = (token_decoder){0};
    return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the decoder");
}
