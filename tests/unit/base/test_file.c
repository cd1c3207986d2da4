#include "unit.h"

#include "base/file.h"
#include "base/json_parse.h"
#include "base/memory.h"

#include <sys/stat.h>

static char folder[256];

static void reads_what_was_written_atomically(void **state)
{
    (void)state;
    char *path = path_join(folder, "a");
    assert_int_equal(file_write_atomic(path, "old", 3, NULL), AKI_OK);
    assert_int_equal(file_write_atomic(path, "newer", 5, NULL), AKI_OK);
    buf b;
    buf_init(&b, 5); /* exactly the file's size */
    assert_int_equal(file_read(path, &b, NULL), AKI_OK);
    assert_string_equal(b.data, "newer");
    buf_free(&b);
    mem_free(path);
}

static void names_the_limit_and_the_missing_file(void **state)
{
    (void)state;
    aki_error error;
    char *path = path_join(folder, "big");
    unit_write_file(path, "123456", 6);
    buf b;
    buf_init(&b, 5);
    assert_int_equal(file_read(path, &b, &error), AKI_IO_ERROR);
    assert_non_null(strstr(error.message, "5 bytes"));
    buf_free(&b);
    mem_free(path);
    buf_init(&b, 5);
    assert_int_equal(file_read("/nonexistent/file", &b, &error), AKI_MODEL_NOT_FOUND);
    assert_non_null(strstr(error.message, "/nonexistent/file"));
    buf_free(&b);
    assert_int_equal(file_write_atomic("/nonexistent/file", "x", 1, &error), AKI_IO_ERROR);
}

static void refuses_a_folder_and_a_fifo_without_waiting(void **state)
{
    (void)state;
    aki_error error;
    char *path = path_join(folder, "fifo");
    assert_int_equal(mkfifo(path, 0600), 0);
    const char *const paths[] = {folder, path};
    for (size_t i = 0; i < 2; i++) {
        buf b;
        buf_init(&b, 100);
        assert_int_equal(file_read(paths[i], &b, &error), AKI_IO_ERROR);
        assert_non_null(strstr(error.message, "not a regular file"));
        buf_free(&b);
    }
    mem_free(path);
}

static void json_errors_name_file_line_and_field(void **state)
{
    (void)state;
    aki_error error;
    json_t *json = NULL;
    char *path = path_join(folder, "config.json");
    unit_write_file(path, "{\"a\": 1,\n \"a\": 2}", 17);
    assert_int_equal(json_file_read(path, 1000, &json, &error), AKI_MODEL_INVALID);
    assert_non_null(strstr(error.message, "line 2"));
    assert_null(json);

    const char text[] = "{\"n\": 70000, \"neg\": -1, \"b\": 1, \"s\": \"x\", \"f\": 1e-12, \"none\": null}";
    unit_write_file(path, text, sizeof text - 1);
    assert_int_equal(json_file_read(path, 1000, &json, &error), AKI_OK);
    size_t n = 5;
    assert_int_equal(json_field_size(json, path, "absent", 1, 9, &n, &error), AKI_OK);
    assert_int_equal(json_field_size(json, path, "none", 1, 9, &n, &error), AKI_OK);
    assert_int_equal(n, 5);
    assert_int_equal(json_field_size(json, path, "n", 1, 100, &n, &error), AKI_MODEL_INVALID);
    assert_non_null(strstr(error.message, "\"n\" must be a whole number from 1 to 100"));
    assert_int_equal(json_field_size(json, path, "neg", 0, 100, &n, &error), AKI_MODEL_INVALID);
    assert_int_equal(json_field_size(json, path, "n", 1, 100000, &n, &error), AKI_OK);
    assert_int_equal(n, 70000);
    bool b = true;
    assert_int_equal(json_field_bool(json, path, "b", &b, &error), AKI_MODEL_INVALID);
    double f = 0;
    assert_int_equal(json_field_number(json, path, "f", 0, 1, &f, &error), AKI_OK);
    assert_true(f == 1e-12);
    const char *s = NULL;
    assert_int_equal(json_field_string(json, path, "s", &s, &error), AKI_OK);
    assert_string_equal(s, "x");
    assert_int_equal(json_field_string(json, path, "n", &s, &error), AKI_MODEL_INVALID);
    json_decref(json);
    mem_free(path);
}

static int make_folder(void **state)
{
    (void)state;
    unit_temporary_folder(folder, sizeof folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_was_written_atomically),
        cmocka_unit_test(names_the_limit_and_the_missing_file),
        cmocka_unit_test(refuses_a_folder_and_a_fifo_without_waiting),
        cmocka_unit_test(json_errors_name_file_line_and_field),
    };
    return cmocka_run_group_tests(tests, make_folder, NULL);
}
