#include "unit.h"

#include "base/mapping.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char folder[200], path[256];

static void maps_a_file(void **state)
{
    (void)state;
    unit_write_file(path, "hello", 5);
    mapping *map = NULL;
    assert_int_equal(mapping_open(&map, path, NULL), AKI_OK);
    assert_int_equal(mapping_size(map), 5);
    assert_memory_equal(mapping_data(map), "hello", 5);
    assert_false(mapping_damaged(map));
    mapping_close(map);
    mapping_close(NULL);
}

static void survives_a_file_cut_while_mapped(void **state)
{
    (void)state;
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = 4 * page;
    char *bytes = malloc(size);
    memset(bytes, 7, size);
    unit_write_file(path, bytes, size);
    free(bytes);
    mapping *map = NULL;
    assert_int_equal(mapping_open(&map, path, NULL), AKI_OK);
    const volatile unsigned char *data = mapping_data(map);
    assert_int_equal(data[3 * page], 7);
    assert_int_equal(truncate(path, (off_t)page), 0);
    assert_int_equal(data[0], 7);
    assert_int_equal(data[2 * page], 0); /* would kill the process without the guard */
    assert_int_equal(data[3 * page + 5], 0);
    assert_true(mapping_damaged(map));
    mapping_close(map);
}

/* The rest of the last page reads as zeros without a signal: only the file's length tells. */
static void notices_a_cut_inside_a_page(void **state)
{
    (void)state;
    unit_write_file(path, "0123456789", 10);
    mapping *map = NULL;
    assert_int_equal(mapping_open(&map, path, NULL), AKI_OK);
    const volatile unsigned char *data = mapping_data(map);
    assert_int_equal(data[9], '9');
    assert_false(mapping_damaged(map));
    assert_int_equal(truncate(path, 9), 0);
    assert_int_equal(data[9], 0);
    assert_true(mapping_damaged(map));
    assert_int_equal(truncate(path, 10), 0);
    assert_true(mapping_damaged(map)); /* the byte is lost all the same */
    mapping_close(map);
}

static void dropped_pages_come_back(void **state)
{
    (void)state;
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = 4 * page;
    char *bytes = malloc(size);
    memset(bytes, 7, size);
    unit_write_file(path, bytes, size);
    mapping *map = NULL;
    assert_int_equal(mapping_open(&map, path, NULL), AKI_OK);
    assert_memory_equal(mapping_data(map), bytes, size);
    mapping_drop_pages(map);
    assert_memory_equal(mapping_data(map), bytes, size);
    assert_false(mapping_damaged(map));
    mapping_drop_pages(map);
    assert_int_equal(truncate(path, (off_t)page), 0); /* the guard still stands */
    const volatile unsigned char *data = mapping_data(map);
    assert_int_equal(data[3 * page], 0);
    assert_true(mapping_damaged(map));
    mapping_close(map);
    free(bytes);
}

/* Replaced by rename, or removed: the mapping keeps the old file. */
static void keeps_a_file_that_was_replaced(void **state)
{
    (void)state;
    char other[300];
    snprintf(other, sizeof other, "%s.new", path);
    unit_write_file(path, "0123456789", 10);
    unit_write_file(other, "x", 1);
    mapping *map = NULL;
    assert_int_equal(mapping_open(&map, path, NULL), AKI_OK);
    assert_int_equal(rename(other, path), 0);
    assert_memory_equal(mapping_data(map), "0123456789", 10);
    assert_false(mapping_damaged(map));
    mapping_close(map);
}

static void refuses_what_cannot_be_mapped(void **state)
{
    (void)state;
    aki_error error;
    mapping *map = NULL;
    assert_int_equal(mapping_open(&map, "/nonexistent", &error), AKI_MODEL_NOT_FOUND);
    assert_int_equal(mapping_open(&map, folder, &error), AKI_MODEL_INVALID);
    unit_write_file(path, "", 0);
    assert_int_equal(mapping_open(&map, path, &error), AKI_MODEL_INVALID);
    assert_null(map);
}

/* Each file on pages of its own, so that a cut of one damages the whole and leaves the other's bytes. */
static void maps_several_files_as_one(void **state)
{
    (void)state;
    char other[300];
    aki_error error;
    mapping *map = NULL;
    snprintf(other, sizeof other, "%s.other", path);
    unit_write_file(path, "0123456789", 10);
    unit_write_file(other, "abc", 3);
    const char *paths[] = {path, other, path};
    assert_int_equal(mapping_open_files(&map, paths, 3, NULL), AKI_OK);
    assert_int_equal(mapping_size(map), 23);
    assert_int_equal(mapping_begin(map, 0), 0);
    assert_int_equal(mapping_file_size(map, 1), 3);
    assert_memory_equal(mapping_data(map) + mapping_begin(map, 1), "abc", 3);
    assert_memory_equal(mapping_data(map) + mapping_begin(map, 2), "0123456789", 10);
    assert_false(mapping_damaged(map));
    assert_int_equal(truncate(other, 2), 0);
    assert_true(mapping_damaged(map));
    assert_memory_equal(mapping_data(map), "0123456789", 10);
    mapping_close(map);
    paths[2] = "/nonexistent";
    assert_int_equal(mapping_open_files(&map, paths, 3, &error), AKI_MODEL_NOT_FOUND);
    assert_null(map);
    unit_write_file(other, "", 0);
    assert_int_equal(mapping_open_files(&map, paths, 2, &error), AKI_MODEL_INVALID);
    assert_non_null(strstr(error.message, other));
}

static void slots_are_bounded_and_reused(void **state)
{
    (void)state;
    aki_error error;
    unit_write_file(path, "x", 1);
    mapping *maps[MAPPING_MAX], *extra = NULL;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < MAPPING_MAX; i++) {
            char other[300];
            snprintf(other, sizeof other, "%s.%zu", path, i);
            unit_write_file(other, "x", 1);
            assert_int_equal(mapping_open(&maps[i], other, NULL), AKI_OK);
        }
        assert_int_equal(mapping_open(&extra, path, &error), AKI_INTERNAL);
        for (size_t i = 0; i < MAPPING_MAX; i++)
            mapping_close(maps[i]);
    }
}

/* The time of the last change is set by hand: two writes may come within the file system's clock tick. */
static void set_time(const char *file, time_t seconds)
{
    const struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};
    assert_int_equal(utimensat(AT_FDCWD, file, times, 0), 0);
}

static void a_file_that_is_open_already_is_shared(void **state)
{
    (void)state;
    char other[300], link_to_it[300];
    snprintf(other, sizeof other, "%s.second", path);
    snprintf(link_to_it, sizeof link_to_it, "%s.link", path);
    unit_write_file(path, "0123456789", 10);
    unit_write_file(other, "0123456789", 10);
    assert_int_equal(symlink(path, link_to_it), 0);
    const char *both[] = {path, other};
    mapping *first, *second, *others, *pair;
    assert_int_equal(mapping_open(&first, path, NULL), AKI_OK);
    assert_int_equal(mapping_open(&second, link_to_it, NULL), AKI_OK);
    assert_int_equal(mapping_open(&others, other, NULL), AKI_OK);
    assert_int_equal(mapping_open_files(&pair, both, 2, NULL), AKI_OK);
    assert_ptr_equal(second, first);
    assert_ptr_not_equal(mapping_data(others), mapping_data(first)); /* as long, and another file */
    assert_ptr_not_equal(mapping_data(pair), mapping_data(first));
    mapping_close(first);
    assert_memory_equal(mapping_data(second), "0123456789", 10);
    mapping_close(second);
    mapping_close(others);
    mapping_close(pair);
}

static void a_file_that_was_changed_or_cut_is_not_shared(void **state)
{
    (void)state;
    unit_write_file(path, "0123456789", 10);
    set_time(path, 1000);
    mapping *before, *after, *cut;
    assert_int_equal(mapping_open(&before, path, NULL), AKI_OK);
    set_time(path, 2000);
    assert_int_equal(mapping_open(&after, path, NULL), AKI_OK);
    assert_ptr_not_equal(after, before);
    assert_int_equal(truncate(path, 9), 0);
    assert_int_equal(truncate(path, 10), 0);
    assert_int_equal(mapping_open(&cut, path, NULL), AKI_OK);
    assert_ptr_not_equal(cut, after);
    mapping_close(before);
    mapping_close(after);
    mapping_close(cut);
}

/* The child neither hangs nor shares what another thread of the parent may have been changing. */
static void a_forked_child_has_mappings_of_its_own(void **state)
{
    (void)state;
    unit_write_file(path, "0123456789", 10);
    mapping *map;
    assert_int_equal(mapping_open(&map, path, NULL), AKI_OK);
    const pid_t child = fork();
    if (child == 0) {
        mapping *own = NULL, *again = NULL;
        bool right = mapping_open(&own, path, NULL) == AKI_OK && own != map &&
                     mapping_open(&again, path, NULL) == AKI_OK && again == own;
        mapping_close(map);
        right = right && memcmp(mapping_data(own), "0123456789", 10) == 0;
        mapping_close(own);
        mapping_close(again);
        _exit(right ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_memory_equal(mapping_data(map), "0123456789", 10);
    mapping_close(map);
}

static int make_folder(void **state)
{
    (void)state;
    unit_temporary_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/file", folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_a_file),
        cmocka_unit_test(survives_a_file_cut_while_mapped),
        cmocka_unit_test(notices_a_cut_inside_a_page),
        cmocka_unit_test(dropped_pages_come_back),
        cmocka_unit_test(keeps_a_file_that_was_replaced),
        cmocka_unit_test(refuses_what_cannot_be_mapped),
        cmocka_unit_test(maps_several_files_as_one),
        cmocka_unit_test(slots_are_bounded_and_reused),
        cmocka_unit_test(a_file_that_is_open_already_is_shared),
        cmocka_unit_test(a_file_that_was_changed_or_cut_is_not_shared),
        cmocka_unit_test(a_forked_child_has_mappings_of_its_own),
    };
    return cmocka_run_group_tests(tests, make_folder, NULL);
}
