/* The lines of a config file: `key = value`, below a [section] or before the first one.
 *
 * A value is everything behind the first '=' or ':', up to the end of the line, without the blanks at both ends and
 * without one pair of double quotes around it. Paths and texts may contain ';' and '#', so neither begins a comment
 * inside a value: a comment takes a line of its own. Lines end in LF or CRLF; a byte order mark at the start is
 * skipped.
 *
 * The rules are few, and the usual INI libraries break them (they end a value at " ;", cut long lines, or give no
 * line numbers): hence this reader. */
#ifndef CLI_OPTIONS_CONFIG_LINES_H
#define CLI_OPTIONS_CONFIG_LINES_H

#include "akidb/embed.h"

typedef struct config_reader {
    const char *kind;    /* of the file, for errors: "config file" */
    const char *hint;    /* where it cannot be opened */
    const char *example; /* hint for a line that is neither setting nor section */
    /* Both take strings that they may change, and return their error. */
    aki_status (*section)(void *cookie, const char *path, int line, char *name, aki_error *error);
    aki_status (*setting)(void *cookie, const char *path, int line, char *key, char *value, aki_error *error);
    void *cookie;
} config_reader;

/* Calls the reader for each line until it fails. Errors: AKI_IO_ERROR, AKI_INVALID_ARGUMENT, which names path and line,
 * AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status config_lines_read(const char *path, const config_reader *reader, aki_error *error);

#endif
