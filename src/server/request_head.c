#include "server/request_head.h"

#include <stdint.h>
#include <string.h>

static const char not_as_sent[] =
    "a header is continued on a second line, or a line holds a NUL: each header is one line of text";

/* Bytes from `from` to `to`, which may lie in different blocks; SIZE_MAX where `to` is before `from`. */
static size_t distance(const char *from, const char *to)
{
    const uintptr_t first = (uintptr_t)from, last = (uintptr_t)to;
    return last >= first ? last - first : SIZE_MAX;
}

/* True when from[0..length) is `c` throughout; NUL is what the library writes where it splits. */
static bool all_are(const char *from, size_t length, char c)
{
    for (size_t i = 0; i < length; i++)
        if (from[i] != c)
            return false;
    return true;
}

static bool all_blank(const char *from, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (from[i] != ' ' && from[i] != '\t')
            return false;
    return true;
}

void request_head_begin(request_head *head, const char *method, const char *target, size_t target_bytes,
                        const char *version)
{
    const size_t method_bytes = strlen(method) + 1, gap = distance(method + method_bytes, target);
    *head = (request_head){.at = version + strlen(version)};
    if (distance(target, version) != target_bytes + 1 || gap > distance(method, version) ||
        !all_are(target - gap, gap, ' '))
        head->fault = "the request line holds a NUL";
}

void request_head_begin_trailers(request_head *head)
{
    *head = (request_head){0};
}

/* True for control characters, which are not allowed in a value: some readers end a line at a carriage return alone. */
static bool has_controls(const char *value, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (((unsigned char)value[i] < 0x20 && value[i] != '\t') || value[i] == 0x7F)
            return true;
    return false;
}

/* True when the header begins where the last line ended, and has only blanks between name and value. */
static bool follows(const request_head *head, const char *name, const char *value)
{
    const char *behind = name + strlen(name) + 1;
    const size_t blanks = distance(behind, value);
    if (head->at != NULL) {
        const size_t line_end = distance(head->at, name);
        if (line_end < 1 || line_end > 2 || !all_are(head->at, line_end, '\0'))
            return false;
    }
    return blanks != SIZE_MAX && all_blank(behind, blanks);
}

size_t request_head_add(request_head *head, const char *name, const char *value)
{
    const size_t length = strlen(value);
    if (head->fault == NULL && !follows(head, name, value))
        head->fault = not_as_sent;
    if (head->fault == NULL && has_controls(value, length))
        head->fault = "a header's value holds a control character";
    head->at = value + length;
    size_t kept = length;
    while (kept > 0 && all_blank(value + kept - 1, 1))
        kept--;
    return kept;
}

void request_head_end(request_head *head, const char *end)
{
    const size_t line_ends = distance(head->at, end);
    if (head->fault == NULL && (line_ends < 2 || line_ends > 4 || !all_are(head->at, line_ends, '\0')))
        head->fault = not_as_sent;
}

bool request_head_trailers_in_doubt(const request_head *head)
{
    return head->at != NULL && all_are(head->at, 3, '\0') && head->at[3] != '\0';
}
