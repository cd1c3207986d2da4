#include "http/route_path.h"

#include <string.h>

/* The part of the path in the place of {name}: its beginning, with *length; NULL where the path does not match. */
static const char *match(const char *pattern, const char *path, size_t *length)
{
    const char *open = strchr(pattern, '{');
    *length = 0;
    if (open == NULL)
        return strcmp(pattern, path) == 0 ? path : NULL;
    const size_t before = (size_t)(open - pattern), all = strlen(path);
    const char *after = open + strcspn(open, "}") + 1;
    const size_t behind = strlen(after);
    if (all <= before + behind || strncmp(path, pattern, before) != 0 ||
        strcmp(path + all - behind, after) != 0)
        return NULL;
    *length = all - before - behind;
    return path + before;
}

bool route_path_matches(const char *pattern, const char *path)
{
    size_t length;
    return match(pattern, path, &length) != NULL;
}

static int hex_of(char c)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    const char *at = c != '\0' ? strchr(digits, c) : NULL;
    if (at == NULL)
        return -1;
    const int value = (int)(at - digits);
    return value < 16 ? value : value - 6;
}

void route_path_value(const char *pattern, const char *path, char *out, size_t room)
{
    size_t length, written = 0;
    const char *part = match(pattern, path, &length);
    for (size_t i = 0; part != NULL && i < length && written + 1 < room; i++) {
        const int high = part[i] == '%' && length - i > 2 ? hex_of(part[i + 1]) : -1;
        const int low = high >= 0 ? hex_of(part[i + 2]) : -1;
        out[written++] = low >= 0 ? (char)(high * 16 + low) : part[i];
        i += low >= 0 ? 2 : 0;
    }
    out[written] = '\0';
}
