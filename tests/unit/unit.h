/* What every cmocka test includes: the headers cmocka wants before its own, and a scratch folder. */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* True when the CPU is emulated and a hundred times slower: long tests take fewer sizes then. */
static inline bool unit_is_emulated(void)
{
    return getenv("AKIDB_TEST_EMULATED") != NULL;
}

/* A new empty folder in $TMPDIR; the name is written to `path`. */
static inline void unit_temporary_folder(char *path, size_t room)
{
    const char *base = getenv("TMPDIR");
    snprintf(path, room, "%s/akidb-unit-XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(path));
}

static inline void unit_write_file(const char *path, const void *data, size_t length)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

#endif
