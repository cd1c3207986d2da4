/* Numbers and texts through stdin and stdout, for the programs behind a pipe. False: stdin has ended, stdout has failed, or a text is
 * longer than TEXT_BYTES_MAX. */
#ifndef AKIDB_TESTS_PARITY_PIPE_H
#define AKIDB_TESTS_PARITY_PIPE_H

#include "akidb/embed.h"

#include <stdio.h>
#include <stdlib.h>

#define TEXT_BYTES_MAX ((uint32_t)1 << 28)

static inline bool read_exactly(void *into, size_t length)
{
    return length == 0 || fread(into, 1, length, stdin) == length;
}

/* A length, then exactly as much memory as the text has, so that a sanitizer sees any read beyond. The caller frees text->data, also
 * after false, where *text was zeros before. */
static inline bool read_text(aki_text *text)
{
    uint32_t length;
    if (!read_exactly(&length, sizeof length) || length > TEXT_BYTES_MAX)
        return false;
    char *data = malloc(length > 0 ? length : 1);
    *text = (aki_text){data, length};
    return data != NULL && read_exactly(data, length);
}

static inline bool put(const void *data, size_t bytes)
{
    return bytes == 0 || fwrite(data, bytes, 1, stdout) == 1;
}

#endif
