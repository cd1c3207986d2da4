/* What every cmocka test includes: the headers cmocka wants before its own, and a scratch folder. */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
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

/* True when, besides, the CPU that emulates has run the same code, being of the same architecture: an emulated Haswell, not an Arm.
 * Then long tests take the least. */
static inline bool unit_is_repeated(void)
{
#if defined(__x86_64__)
    return unit_is_emulated();
#else
    return false;
#endif
}

static inline int unit_remove_entry(const char *path, const struct stat *about, int kind, struct FTW *place)
{
    (void)about, (void)kind, (void)place;
    return remove(path);
}

static struct {
    pid_t owner; /* children that end by exit() leave the folders to it */
    size_t count;
    char paths[32][256];
} unit_folders;

static inline void unit_remove_folders(void)
{
    for (size_t i = 0; i < unit_folders.count && getpid() == unit_folders.owner; i++)
        nftw(unit_folders.paths[i], unit_remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* A new empty folder in $TMPDIR, removed when the program ends; the name is written to `path`. */
static inline void unit_temporary_folder(char *path, size_t room)
{
    const char *base = getenv("TMPDIR");
    snprintf(path, room, "%s/akidb-unit-XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(path));
    assert_true(unit_folders.count < sizeof unit_folders.paths / sizeof unit_folders.paths[0]);
    snprintf(unit_folders.paths[unit_folders.count], sizeof unit_folders.paths[0], "%s", path);
    if (unit_folders.count++ == 0) {
        unit_folders.owner = getpid();
        assert_int_equal(atexit(unit_remove_folders), 0);
    }
}

static inline void unit_write_file(const char *path, const void *data, size_t length)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

#endif
