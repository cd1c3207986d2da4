#include "model/quote.h"

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
    for (size_t i = 0; i < kept; i++)
        q.text[i] = (unsigned char)name[i] < 0x20 || name[i] == 0x7F ? '?' : name[i];
    memcpy(q.text + kept, kept < length ? "..." : "", kept < length ? sizeof "..." : 1);
    return q;
}
