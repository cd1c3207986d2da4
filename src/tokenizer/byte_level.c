#include "tokenizer/byte_level.h"

#include "base/utf8.h"

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
