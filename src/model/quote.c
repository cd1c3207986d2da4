#include "model/quote.h"

#include "base/utf8.h"

#include <string.h>

quote quote_name(const char *name, size_t length)
{
    quote q;
    size_t kept = length;
    if (kept > QUOTE_MAX_BYTES) {
        kept = QUOTE_MAX_BYTES;
        while (kept > 0 && ((unsigned char)name[kept] & 0xC0) == 0x80)
            kept--;
    }
    size_t used = 0;
    for (size_t at = 0; at < kept;) {
        uint32_t code_point;
        const size_t bytes = utf8_decode(name + at, &code_point);
        const bool hidden = visible_text_hides(code_point);
        memcpy(q.text + used, hidden ? "?" : name + at, hidden ? 1 : bytes);
        used += hidden ? 1 : bytes;
        at += bytes;
    }
    memcpy(q.text + used, kept < length ? "..." : "", kept < length ? sizeof "..." : 1);
    return q;
}

quote quote_json(const json_t *value)
{
    /* Beyond what is shown, so that quote_name cuts it. What does not fit is left out. */
    char text[4 * QUOTE_MAX_BYTES] = "";
    if (json_is_string(value))
        return quote_name(json_string_value(value), json_string_length(value));
    json_dumpb(value, text, sizeof text - 1, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
    return quote_name(text, strlen(text));
}
