#include "base/file_mode.h"

#include <stdio.h>
#include <string.h>

bool file_mode_parse(const char *text, unsigned *mode)
{
    const char *digits = text[0] == '0' && strlen(text) == 4 ? text + 1 : text;
    if (strlen(digits) != 3 || strspn(digits, "01234567") != 3)
        return false;
    *mode = (unsigned)(digits[0] - '0') << 6 | (unsigned)(digits[1] - '0') << 3 | (unsigned)(digits[2] - '0');
    return true;
}

bool file_mode_check(const char *text, char *must_be, size_t room)
{
    unsigned mode;
    snprintf(must_be, room, "permissions in three octal digits, such as 660 or 600");
    return file_mode_parse(text, &mode);
}
