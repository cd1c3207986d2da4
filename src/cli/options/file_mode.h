/* Permission bits of files as chmod takes them: "660", "0600". */
#ifndef CLI_OPTIONS_FILE_MODE_H
#define CLI_OPTIONS_FILE_MODE_H

#include <stdbool.h>
#include <stddef.h>

/* False, and *mode untouched, where the text is not three octal digits, or four with a leading 0. */
bool file_mode_parse(const char *text, unsigned *mode);

/* The check of the option's row in the options table. */
bool file_mode_check(const char *text, char *must_be, size_t room);

#endif
