#include "base/json_text.h"

#include "base/utf8.h"

#include <string.h>

static bool must_be_escaped(unsigned char c)
{
    return c == '"' || c == '\\' || c < 0x20 || c == 0x7F;
}

static bool append_escaped(buf *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        size_t plain = i;
        while (plain < length && !must_be_escaped((unsigned char)text[plain]))
            plain++;
        if (!buf_append(out, text + i, plain - i))
            return false;
        if (plain == length)
            break;
        const char c = text[plain];
        const char escaped[2] = {'\\', c};
        if (!(c == '"' || c == '\\' ? buf_append(out, escaped, sizeof escaped)
                                    : buf_printf(out, "\\u%04x", (unsigned)(unsigned char)c)))
            return false;
        i = plain;
    }
    return true;
}

bool json_text_append(buf *out, const char *text, size_t length)
{
    buf_append_char(out, '"');
    while (length > 0) {
        size_t good = length;
        bool valid = utf8_valid(text, length, &good);
        append_escaped(out, text, good);
        text += good;
        length -= good;
        if (!valid) {
            buf_append_string(out, "\xEF\xBF\xBD");
            text++;
            length--;
        }
    }
    return buf_append_char(out, '"');
}

bool json_text_append_string(buf *out, const char *text)
{
    return json_text_append(out, text, strlen(text));
}
