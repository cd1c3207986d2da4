#include "http/host_header.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define DIGITS "0123456789"
#define HEX_DIGITS DIGITS "abcdefABCDEF"
#define UNRESERVED_AND_DELIMITERS DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-._~!$&'()*+,;="

/* The length of the host, without the port; 0 where the value has none. */
static size_t host_length(const char *value)
{
    if (value[0] == '[') {
        const size_t inside = strspn(value + 1, UNRESERVED_AND_DELIMITERS ":");
        return inside > 0 && value[1 + inside] == ']' ? inside + 2 : 0;
    }
    size_t length = 0;
    for (;;) {
        length += strspn(value + length, UNRESERVED_AND_DELIMITERS);
        if (value[length] != '%')
            return length;
        if (strspn(value + length + 1, HEX_DIGITS) < 2)
            return 0;
        length += 3;
    }
}

bool host_header_valid(const char *value)
{
    if (value[0] == '\0')
        return true;
    const size_t length = host_length(value);
    if (length == 0)
        return false;
    const char *port = value + length;
    return port[0] == '\0' || (port[0] == ':' && port[1 + strspn(port + 1, DIGITS)] == '\0');
}

bool host_header_is_domain(const char *value)
{
    static const char local[] = "localhost";
    const size_t bytes = sizeof local - 1;
    size_t length = value[0] == '[' ? 0 : host_length(value);
    if (length > 0 && value[length - 1] == '.')
        length--;
    if (memchr(value, '.', length) == NULL || strspn(value, DIGITS ".") >= length)
        return false;
    return length <= bytes || value[length - bytes - 1] != '.' ||
           strncasecmp(value + length - bytes, local, bytes) != 0;
}
