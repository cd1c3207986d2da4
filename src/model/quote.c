#include "model/quote.h"

#include "base/utf8.h"
#include "base/visible_text.h"

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
