/* Permission bits of files as chmod takes them: "660", "0600". */
#ifndef BASE_FILE_MODE_H
#define BASE_FILE_MODE_H

#include <stdbool.h>
#include <stddef.h>

/* False, and *mode untouched, where the text is not three octal digits, or four with a leading 0. */
bool file_mode_parse(const char *text, unsigned *mode);

/* The check of --unix-socket-mode (base/option.h). */
bool file_mode_check(const char *text, char *must_be, size_t room);

#endif
