/* What every cmocka test includes: the headers cmocka wants before its own, and a scratch folder. */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char unit_folders[256][256];
static size_t unit_folder_count;

static inline int unit_remove_entry(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info, (void)type, (void)where;
    return remove(path);
}

static inline void unit_remove_folders(void)
{
    for (size_t i = 0; i < unit_folder_count; i++)
        nftw(unit_folders[i], unit_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* A new empty folder in $TMPDIR, removed with its contents when the test ends; the name is written to `path`. At
 * most 256 per program. */
static inline void unit_temporary_folder(char *path, size_t room)
{
    const char *base = getenv("TMPDIR");
    snprintf(path, room, "%s/akidb-unit-XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(path));
    assert_true(unit_folder_count < sizeof unit_folders / sizeof unit_folders[0]);
    snprintf(unit_folders[unit_folder_count], sizeof unit_folders[0], "%s", path);
    if (unit_folder_count++ == 0)
        atexit(unit_remove_folders);
}

static inline void unit_write_file(const char *path, const void *data, size_t length)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

#endif
