#include "unit.h"

#include "base/error.h"
#include "cli/bulk/resume_state.h"

static char folder[200], path[240];

static int open_folder(void **state)
{
    (void)state;
    unit_temporary_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/out.npy.partial.state", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static resume_settings settings_with(const char *pooling)
{
    resume_settings settings = {.failed = false};
    resume_settings_add(&settings, "input format", "csv column=%s", "\"1\"");
    resume_settings_add(&settings, "pooling", "%s", pooling);
    resume_settings_add_file(&settings, "config.json", "0123456789abcdef");
    resume_settings_add_file(&settings, "1_Pooling/config.json", "00000000000000ff");
    return settings;
}

static const resume_state somewhere = {.input = {UINT64_C(5000000000), 41, UINT64_C(0xfedcba9876543210)},
                                       .texts = 40,
                                       .written = 34,
                                       .truncated = 2,
                                       .skipped = {.empty = 3, .too_long = 1, .unusable = 2},
                                       .bytes = UINT64_C(6000000000),
                                       .skipped_bytes = 320,
                                       .max_line_bytes = 1000};
static const resume_policy lenient = {
    .skips_empty = true, .skips_unusable = true, .truncates = false, .max_line_bytes = 1000};

static void test_comes_back_as_it_was(void **state)
{
    (void)state;
    resume_settings settings = settings_with("mean");
    resume_state found = {.texts = 1}, expected = somewhere;
    resume_policy policy = lenient;
    expected.truncated = 0;
    assert_int_equal(resume_state_write(path, &settings, &expected, NULL), AKI_OK);
    assert_int_equal(resume_state_read(path, &settings, &policy, &found, NULL), AKI_OK);
    assert_memory_equal(&found, &expected, sizeof found);
    resume_settings_free(&settings);
}

static void expect_refusal(const resume_settings *now, const char *message)
{
    resume_state found;
    aki_error error;
    assert_int_equal(resume_state_read(path, now, &lenient, &found, &error), AKI_INVALID_ARGUMENT);
    if (strstr(error.message, message) == NULL)
        print_error("%s\n", error.message);
    assert_non_null(strstr(error.message, message));
    assert_non_null(strstr(error.hint, "--restart"));
}

static void test_other_settings_are_refused_by_name(void **state)
{
    (void)state;
    resume_settings then = settings_with("mean"), now = settings_with("cls");
    assert_int_equal(resume_state_write(path, &then, &somewhere, NULL), AKI_OK);
    expect_refusal(&now, "is of a run with another pooling: it was 'mean', it is 'cls'");
    resume_settings_add(&then, "new", "x");
    expect_refusal(&then, "it was 'unknown'");
    resume_settings_free(&then);
    resume_settings_free(&now);
}

static void test_other_model_files_are_refused_by_name(void **state)
{
    (void)state;
    resume_settings then = settings_with("mean"), now = settings_with("mean"), fewer = {.failed = false};
    assert_int_equal(resume_state_write(path, &then, &somewhere, NULL), AKI_OK);
    resume_settings_add_file(&now, "1_Pooling/config.json", "00000000000000fe");
    expect_refusal(&now, "another model: '1_Pooling/config.json' changed since");
    resume_settings_add_file(&now, "added_tokens.json", "00000000000000fe");
    expect_refusal(&now, "another model: '1_Pooling/config.json' (and 1 other file) changed since");
    resume_settings_add_file(&then, "added_tokens.json", "00000000000000fe");
    expect_refusal(&then, "another model: 'added_tokens.json' appeared since");
    resume_settings_add(&fewer, "input format", "csv column=%s", "\"1\"");
    resume_settings_add(&fewer, "pooling", "mean");
    expect_refusal(&fewer, "another model: 'config.json' (and 1 other file) disappeared since");
    resume_settings_free(&then);
    resume_settings_free(&now);
    resume_settings_free(&fewer);
}

/* Options for unusable texts may change only where the texts so far would have been treated equally. */
static void test_policies_that_go_together(void **state)
{
    (void)state;
    static const struct {
        skipped_counts skipped;
        uint64_t truncated;
        resume_policy policy; /* the former max_line_bytes is 100 */
        const char *refusal;
    } table[] = {
        {{0, 0, 0}, 0, {false, false, true, 100}, NULL},
        {{0, 0, 0}, 0, {true, true, false, 100}, NULL},
        {{0, 0, 0}, 5, {true, true, true, 100}, NULL},
        {{0, 0, 0}, 5, {true, true, false, 100}, "cut long texts (--truncate)"},
        {{1, 0, 0}, 0, {true, false, true, 100}, NULL},
        {{1, 0, 0}, 0, {true, true, true, 100}, NULL},
        {{1, 0, 0}, 0, {false, false, true, 100}, "left empty texts out (--skip-empty)"},
        {{0, 0, 1}, 0, {true, true, true, 100}, NULL},
        {{0, 0, 1}, 0, {true, false, true, 100}, "left texts out (--on-error skip)"},
        {{0, 1, 0}, 0, {true, true, false, 100}, NULL},
        {{0, 1, 0}, 0, {true, true, true, 100}, "left long texts out"},
        {{0, 1, 0}, 0, {true, false, false, 100}, "left long texts out"},
        {{0, 0, 0}, 0, {false, false, true, 101}, NULL},
        {{0, 0, 0}, 0, {false, false, true, 99}, "took longer lines"},
        {{0, 0, 1}, 0, {true, true, true, 101}, "may have left longer lines out"},
    };
    resume_settings settings = settings_with("mean");
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        resume_state then = {
            .skipped = table[i].skipped, .truncated = table[i].truncated, .max_line_bytes = 100};
        resume_state found;
        aki_error error;
        assert_int_equal(resume_state_write(path, &settings, &then, NULL), AKI_OK);
        aki_status status = resume_state_read(path, &settings, &table[i].policy, &found, &error);
        assert_int_equal(status, table[i].refusal == NULL ? AKI_OK : AKI_INVALID_ARGUMENT);
        if (table[i].refusal != NULL)
            assert_non_null(strstr(error.message, table[i].refusal));
    }
    resume_settings_free(&settings);
}

static void test_values_that_are_not_utf8(void **state)
{
    (void)state;
    resume_settings settings = {.failed = false};
    resume_settings_add(&settings, "input format", "%s", "csv column=\xFF\xFE");
    resume_state found;
    assert_int_equal(resume_state_write(path, &settings, &(resume_state){.texts = 1}, NULL), AKI_OK);
    assert_int_equal(resume_state_read(path, &settings, &lenient, &found, NULL), AKI_OK);
    resume_settings_free(&settings);
}

/* A state of a former version is refused, whatever its counters say. */
static void test_former_version_is_refused(void **state)
{
    (void)state;
    static const char former[] =
        "{\"version\":1,\"input_bytes\":10,\"input_lines\":1,\"texts\":1,\"written\":1,\"truncated\":0,"
        "\"skipped\":0,\"output_bytes\":1664,\"settings\":{\"pooling\":\"mean\"}}";
    resume_settings settings = settings_with("mean");
    resume_state found;
    aki_error error;
    unit_write_file(path, former, sizeof former - 1);
    assert_int_equal(resume_state_read(path, &settings, &lenient, &found, &error), AKI_IO_ERROR);
    assert_non_null(strstr(error.message, "left by another version of akidb-embed (it has version 1"));
    assert_non_null(strstr(error.hint, "--restart"));
    resume_settings_free(&settings);
}

#define COUNTERS                                                                                             \
    "\"input_bytes\":1,\"input_lines\":1,\"texts\":1,\"written\":1,\"truncated\":0,\"skipped_empty\":0,"     \
    "\"skipped_too_long\":0,\"skipped_unusable\":0,\"output_bytes\":1,\"skipped_list_bytes\":0,"             \
    "\"max_line_bytes\":1"

static void test_damage_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "not json",
        "[]",
        "{}",
        "{\"version\":3}",
        "{\"version\":\"2\"}",
        "{\"version\":2,\"input_bytes\":-1}",
        "{\"version\":2,\"input_bytes\":\"1\"}",
        "{\"version\":2,\"input_bytes\":1,\"input_lines\":1,\"texts\":1,\"written\":1}",
        "{\"version\":2," COUNTERS "}",
        "{\"version\":2,\"input_hash\":\"12\"," COUNTERS "}",
        "{\"version\":2,\"input_hash\":\"000000000000000x\"," COUNTERS "}",
        "{\"version\":2,\"input_hash\":\"0000000000000000\"," COUNTERS "}",
        "{\"version\":2,\"input_hash\":\"0000000000000000\",\"settings\":{}," COUNTERS "}",
        "{\"version\":2,\"input_hash\":\"0000000000000000\",\"settings\":[],\"model_files\":{}," COUNTERS "}",
    };
    resume_settings settings = settings_with("mean");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        resume_state found;
        aki_error error;
        unit_write_file(path, bad[i], strlen(bad[i]));
        assert_int_equal(resume_state_read(path, &settings, &lenient, &found, &error), AKI_IO_ERROR);
        assert_non_null(strstr(error.hint, "--restart"));
    }
    resume_settings_free(&settings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comes_back_as_it_was),
        cmocka_unit_test(test_other_settings_are_refused_by_name),
        cmocka_unit_test(test_other_model_files_are_refused_by_name),
        cmocka_unit_test(test_policies_that_go_together),
        cmocka_unit_test(test_values_that_are_not_utf8),
        cmocka_unit_test(test_former_version_is_refused),
        cmocka_unit_test(test_damage_is_refused),
    };
    return cmocka_run_group_tests(tests, open_folder, remove_folder);
}
