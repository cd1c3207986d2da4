#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

/* Length of the valid sequence at b, or 0. Table 3-7 of the Unicode Standard (well-formed byte sequences). */
static size_t sequence_length(const unsigned char *b, size_t left)
{
    unsigned char lead = b[0];
    if (lead < 0x80)
        return 1;
    if (lead < 0xC2 || lead > 0xF4)
        return 0;
    size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (left < length)
        return 0;
    unsigned char low = 0x80, high = 0xBF;
    if (lead == 0xE0)
        low = 0xA0;
    else if (lead == 0xED)
        high = 0x9F;
    else if (lead == 0xF0)
        low = 0x90;
    else if (lead == 0xF4)
        high = 0x8F;
    if (b[1] < low || b[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((b[i] & 0xC0) != 0x80)
            return 0;
    return length;
}

bool utf8_valid(const char *data, size_t length, size_t *bad_offset)
{
    const unsigned char *bytes = (const unsigned char *)data;
    size_t i = 0;
    while (i < length) {
        uint64_t word;
        if (length - i >= sizeof word) { /* eight ASCII bytes at a time */
            memcpy(&word, bytes + i, sizeof word);
            if ((word & UINT64_C(0x8080808080808080)) == 0) {
                i += sizeof word;
                continue;
            }
        }
        size_t step = sequence_length(bytes + i, length - i);
        if (step == 0) {
            if (bad_offset != NULL)
                *bad_offset = i;
            return false;
        }
        i += step;
    }
    return true;
}

size_t utf8_encode(uint32_t c, char *out)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | (c >> 6));
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | (c >> 12));
        out[1] = (char)(0x80 | ((c >> 6) & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | (c >> 18));
    out[1] = (char)(0x80 | ((c >> 12) & 0x3F));
    out[2] = (char)(0x80 | ((c >> 6) & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

static bool is_between(unsigned char byte, unsigned char low, unsigned char high)
{
    return byte >= low && byte <= high;
}

/* Length of the bytes that one U+FFFD stands for. bytes[0..left) begins with what is not UTF-8. */
static size_t bad_length(const unsigned char *bytes, size_t left)
{
    const unsigned char lead = bytes[0];
    const unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (!is_between(lead, 0xE0, 0xF4) || left < 2 || !is_between(bytes[1], low, high))
        return 1;
    return lead >= 0xF0 && left > 2 && is_between(bytes[2], 0x80, 0xBF) ? 3 : 2;
}

bool utf8_repair(const char *bytes, size_t length, buf *out)
{
    size_t bad;
    while (!utf8_valid(bytes, length, &bad)) {
        if (!buf_append(out, bytes, bad) || !buf_append_string(out, "\xEF\xBF\xBD"))
            return false;
        const size_t done = bad + bad_length((const unsigned char *)bytes + bad, length - bad);
        bytes += done;
        length -= done;
    }
    return buf_append(out, bytes, length);
}

static const struct {
    uint32_t first, last;
} hidden[] = {
    {0x00, 0x1F},       /* C0 */
    {0x7F, 0x9F},       /* DEL, C1 */
    {0x061C, 0x061C},   /* Arabic letter mark */
    {0x200B, 0x200B},   /* zero width space */
    {0x200E, 0x200F},   /* marks of direction */
    {0x2028, 0x202E},   /* separators, embeddings and overrides of direction */
    {0x2060, 0x206F},   /* invisible operators, isolates, and format characters out of use */
    {0xFEFF, 0xFEFF},   /* byte order mark */
    {0xFFF9, 0xFFFB},   /* annotations */
    {0xE0000, 0xE007F}, /* tags */
};

bool visible_text_hides(uint32_t code_point)
{
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++)
        if (code_point >= hidden[i].first && code_point <= hidden[i].last)
            return true;
    return false;
}

/* The bytes of the character at the beginning; 0 = it is not UTF-8. */
static size_t character_bytes(const char *text, size_t length)
{
    const unsigned char lead = (unsigned char)text[0];
    const size_t bytes = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    return bytes <= length && utf8_valid(text, bytes, NULL) ? bytes : 0;
}

size_t visible_text_next(const char *text, size_t length, char piece[VISIBLE_TEXT_BYTES], size_t *piece_bytes)
{
    static const char replacement[] = "\xEF\xBF\xBD";
    char escape[VISIBLE_TEXT_BYTES + 1];
    uint32_t code_point;
    const size_t bytes = character_bytes(text, length);
    if (bytes == 0) {
        *piece_bytes = sizeof replacement - 1;
        memcpy(piece, replacement, *piece_bytes);
        return 1;
    }
    utf8_decode(text, &code_point);
    if (!visible_text_hides(code_point)) {
        *piece_bytes = bytes;
        memcpy(piece, text, bytes);
        return bytes;
    }
    *piece_bytes = (size_t)snprintf(escape, sizeof escape,
                                    code_point < 0x80      ? "\\x%02x"
                                    : code_point < 0x10000 ? "\\u%04x"
                                                           : "\\U%08x",
                                    (unsigned)code_point);
    memcpy(piece, escape, *piece_bytes);
    return bytes;
}
