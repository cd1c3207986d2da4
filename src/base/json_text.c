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

static bool append_code_point(buf *out, uint32_t c)
{
    if (c < 0x10000)
        return buf_printf(out, "\\u%04x", (unsigned)c);
    return buf_printf(out, "\\u%04x\\u%04x", 0xD800U + ((unsigned)c - 0x10000U) / 0x400U,
                      0xDC00U + ((unsigned)c - 0x10000U) % 0x400U);
}

/* text: valid UTF-8. */
static bool append_escaped_visible(buf *out, const char *text, size_t length)
{
    size_t done = 0;
    for (size_t at = 0; at < length;) {
        uint32_t code_point;
        const size_t bytes = utf8_decode(text + at, &code_point);
        if (bytes > 1 && visible_text_hides(code_point)) {
            if (!append_escaped(out, text + done, at - done) || !append_code_point(out, code_point))
                return false;
            done = at + bytes;
        }
        at += bytes;
    }
    return append_escaped(out, text + done, length - done);
}

static bool append_text(buf *out, const char *text, size_t length,
                        bool (*append)(buf *out, const char *text, size_t length))
{
    buf_append_char(out, '"');
    while (length > 0) {
        size_t good = length;
        bool valid = utf8_valid(text, length, &good);
        append(out, text, good);
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

bool json_text_append(buf *out, const char *text, size_t length)
{
    return append_text(out, text, length, append_escaped);
}

bool json_text_append_visible(buf *out, const char *text, size_t length)
{
    return append_text(out, text, length, append_escaped_visible);
}

bool json_text_append_string(buf *out, const char *text)
{
    return json_text_append(out, text, strlen(text));
}
