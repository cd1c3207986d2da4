#include "base/visible_text.h"

#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

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
