#include "server/json_text.h"

#include "base/utf8.h"

#include <string.h>

static bool append_plain(buf *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        bool fine;
        if (c == '"' || c == '\\') {
            char escaped[2] = {'\\', (char)c};
            fine = buf_append(out, escaped, sizeof escaped);
        } else if (c < 0x20 || c == 0x7F) {
            fine = buf_printf(out, "\\u%04x", c);
        } else {
            fine = buf_append_char(out, (char)c);
        }
        if (!fine)
            return false;
    }
    return true;
}

bool json_text_append(buf *out, const char *text, size_t length)
{
    buf_append_char(out, '"');
    while (length > 0) {
        size_t good = length;
        bool valid = utf8_valid(text, length, &good);
        append_plain(out, text, good);
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
