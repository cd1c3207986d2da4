#include "unit.h"

#include "base/error.h"
#include "base/file.h"
#include "cli/bulk/skipped_texts.h"

static char folder[200], path[240], partial[260];

static int open_folder(void **state)
{
    (void)state;
    unit_temporary_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/list", folder);
    snprintf(partial, sizeof partial, "%s.partial", path);
    return 0;
}

static int clean(void **state)
{
    (void)state;
    unlink(path);
    unlink(partial);
    return 0;
}

static void add(skipped_texts *skipped, skipped_counts *counts, uint64_t index, aki_status status)
{
    aki_error why, error;
    error_set(&why, status, "a \"reason\"");
    assert_int_equal(skipped_texts_add(skipped, counts, index, index + 10, &why, &error), AKI_OK);
}

static void expect_contents(const char *name, const char *text)
{
    buf out;
    buf_init(&out, 10000);
    buf_append_string(&out, ""); /* terminated also where the file is empty */
    assert_int_equal(file_read(name, &out, NULL), AKI_OK);
    assert_string_equal(out.data, text);
    buf_free(&out);
}

#define ENTRY(index, line, error)                                                                            \
    "{\"index\":" #index ",\"line\":" #line ",\"error\":\"" error "\",\"message\":\"a \\\"reason\\\"\"}\n"

static void test_entries_are_counted_and_written_in_order(void **state)
{
    (void)state;
    skipped_texts skipped;
    skipped_counts counts = {.empty = 0};
    assert_int_equal(skipped_texts_open(&skipped, path, false, -1, NULL), AKI_OK);
    add(&skipped, &counts, 1, AKI_EMPTY_TEXT);
    add(&skipped, &counts, 5, AKI_INVALID_UTF8);
    add(&skipped, &counts, 3, AKI_TEXT_TOO_LONG);
    add(&skipped, &counts, 4, AKI_INVALID_ARGUMENT);
    assert_int_equal(skipped_texts_pending(&skipped), 4);
    assert_int_equal(counts.empty, 1);
    assert_int_equal(counts.too_long, 1);
    assert_int_equal(counts.unusable, 2);
    assert_int_equal(skipped_total(&counts), 4);
    skipped_texts_rewind(&skipped, 5);
    assert_int_equal(skipped_texts_pending(&skipped), 3);
    assert_int_equal(skipped_texts_write(&skipped, NULL), AKI_OK);
    assert_int_equal(skipped_texts_pending(&skipped), 0);
    assert_int_equal(skipped.shown, 3);
    assert_int_equal(skipped.lines[1], 13);
    add(&skipped, &counts, 7, AKI_EMPTY_TEXT);
    assert_int_equal(skipped_texts_write(&skipped, NULL), AKI_OK);
    assert_int_equal(skipped_texts_finish(&skipped, NULL), AKI_OK);
    skipped_texts_close(&skipped);
    expect_contents(path, ENTRY(1, 11, "empty_text") ENTRY(3, 13, "text_too_long")
                              ENTRY(4, 14, "invalid_argument") ENTRY(7, 17, "empty_text"));
}

static void test_goes_on_behind_what_was_listed(void **state)
{
    (void)state;
    skipped_texts skipped;
    skipped_counts counts = {.empty = 0};
    aki_error error;
    const size_t first = sizeof ENTRY(1, 11, "empty_text") - 1;
    assert_int_equal(skipped_texts_open(&skipped, path, false, -1, NULL), AKI_OK);
    add(&skipped, &counts, 1, AKI_EMPTY_TEXT);
    add(&skipped, &counts, 2, AKI_EMPTY_TEXT);
    assert_int_equal(skipped_texts_write(&skipped, NULL), AKI_OK);
    skipped_texts_close(&skipped);
    assert_int_equal(skipped_texts_open(&skipped, path, false, -1, NULL), AKI_OK);
    assert_int_equal(skipped_texts_continue(&skipped, 10 * first, &error), AKI_IO_ERROR);
    assert_non_null(strstr(error.hint, "--restart"));
    assert_int_equal(skipped_texts_continue(&skipped, first, NULL), AKI_OK);
    assert_int_equal(skipped_texts_bytes(&skipped), first);
    add(&skipped, &counts, 9, AKI_EMPTY_TEXT);
    assert_int_equal(skipped_texts_write(&skipped, NULL), AKI_OK);
    assert_int_equal(skipped_texts_finish(&skipped, NULL), AKI_OK);
    skipped_texts_close(&skipped);
    expect_contents(path, ENTRY(1, 11, "empty_text") ENTRY(9, 19, "empty_text"));
}

static void test_empty_list(void **state)
{
    (void)state;
    skipped_texts skipped;
    for (int asked_for = 0; asked_for < 2; asked_for++) {
        unit_write_file(path, "of an earlier run", 17);
        assert_int_equal(skipped_texts_open(&skipped, path, asked_for, -1, NULL), AKI_OK);
        assert_int_equal(skipped_texts_finish(&skipped, NULL), AKI_OK);
        skipped_texts_close(&skipped);
        assert_int_equal(file_exists(path), asked_for);
        assert_false(file_exists(partial));
    }
    expect_contents(path, "");
}

static void test_without_a_file_they_are_counted_all_the_same(void **state)
{
    (void)state;
    skipped_texts skipped;
    skipped_counts counts = {.empty = 0};
    assert_int_equal(skipped_texts_open(&skipped, NULL, false, -1, NULL), AKI_OK);
    assert_int_equal(skipped_texts_continue(&skipped, 5, NULL), AKI_OK);
    for (uint64_t i = 0; i < 2 * SKIPPED_SHOWN; i++)
        add(&skipped, &counts, i, AKI_INVALID_UTF8);
    assert_int_equal(skipped_texts_write(&skipped, NULL), AKI_OK);
    assert_int_equal(skipped.shown, SKIPPED_SHOWN);
    assert_int_equal(skipped_texts_bytes(&skipped), 0);
    assert_int_equal(skipped_texts_sync(&skipped, NULL), AKI_OK);
    assert_int_equal(skipped_texts_finish(&skipped, NULL), AKI_OK);
    skipped_texts_close(&skipped);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_entries_are_counted_and_written_in_order, clean),
        cmocka_unit_test_teardown(test_goes_on_behind_what_was_listed, clean),
        cmocka_unit_test_teardown(test_empty_list, clean),
        cmocka_unit_test(test_without_a_file_they_are_counted_all_the_same),
    };
    return cmocka_run_group_tests(tests, open_folder, NULL);
}
