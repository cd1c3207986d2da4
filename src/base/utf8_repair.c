#include "base/utf8_repair.h"

#include "base/utf8.h"

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
