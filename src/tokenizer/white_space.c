#include "tokenizer/white_space.h"

#include "base/utf8.h"
#include "tokenizer/unicode_data.h"

static bool is_space(uint32_t code_point)
{
    for (size_t i = 0; i < unicode_spaces_count; i++)
        if (code_point >= unicode_spaces[i].first && code_point <= unicode_spaces[i].last)
            return true;
    return false;
}

size_t white_space_before(const char *text, size_t length)
{
    size_t at = 0;
    while (at < length) {
        uint32_t code_point;
        size_t bytes = utf8_decode(text + at, &code_point);
        if (!is_space(code_point))
            break;
        at += bytes;
    }
    return at;
}

size_t white_space_trimmed(const char *text, size_t length)
{
    size_t end = length;
    while (end > 0) {
        size_t start = end - 1;
        while (((unsigned char)text[start] & 0xC0) == 0x80)
            start--;
        uint32_t code_point;
        utf8_decode(text + start, &code_point);
        if (!is_space(code_point))
            break;
        end = start;
    }
    return end;
}
