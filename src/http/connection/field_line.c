#include "http/connection/field_line.h"

#include <string.h>

bool http_is_token_character(unsigned char c)
{
    static const bool is_token[256] = {
        ['!'] = true,         ['#'] = true,         ['$'] = true,         ['%'] = true, ['&'] = true,
        ['\''] = true,        ['*'] = true,         ['+'] = true,         ['-'] = true, ['.'] = true,
        ['^'] = true,         ['_'] = true,         ['`'] = true,         ['|'] = true, ['~'] = true,
        ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true,
    };
    return is_token[c];
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Tab, printable ASCII and bytes from 0x80 on (obs-text). */
static bool is_value_character(unsigned char c)
{
    return c == '\t' || (c >= ' ' && c != 0x7F);
}

bool line_find_end(const char *text, size_t *from, size_t length, size_t *end, size_t *next,
                   http_fault *fault)
{
    const char *feed = length > *from ? memchr(text + *from, '\n', length - *from) : NULL;
    if (feed == NULL) {
        *from = length;
        return false;
    }
    const size_t at = (size_t)(feed - text);
    if (at == 0 || text[at - 1] != '\r')
        return http_fault_set(fault, HTTP_FAULT_MALFORMED,
                              "a line ends in a line feed alone: each ends in CR and LF");
    *end = at - 1;
    *next = *from = at + 1;
    return true;
}

bool field_line_parse(char *text, size_t begin, size_t end, http_field *field, http_fault *fault)
{
    size_t at = begin;
    if (is_blank(text[begin]))
        return http_fault_set(fault, HTTP_FAULT_MALFORMED,
                              "a header is continued on a second line: each header is one line of text");
    while (at < end && http_is_token_character((unsigned char)text[at]))
        at++;
    if (at == begin || at == end || text[at] != ':')
        return http_fault_set(fault, HTTP_FAULT_MALFORMED,
                              "a header's name is empty, holds characters that names cannot have, or has no "
                              "colon behind it");
    size_t value = at + 1;
    for (size_t i = value; i < end; i++)
        if (!is_value_character((unsigned char)text[i]))
            return http_fault_set(fault, HTTP_FAULT_MALFORMED, "a header's value holds a control character");
    while (value < end && is_blank(text[value]))
        value++;
    while (end > value && is_blank(text[end - 1]))
        end--;
    text[at] = text[end] = '\0';
    *field = (http_field){.name = (uint32_t)begin, .value = (uint32_t)value};
    return true;
}
