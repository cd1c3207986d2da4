#include "unit.h"

#include "base/error.h"
#include "cli/resume_state.h"

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
    resume_settings settings = {.count = 0};
    resume_settings_add(&settings, "input", "%d bytes at %s", 17, "/data/in \"1\".txt");
    resume_settings_add(&settings, "pooling", "%s", pooling);
    return settings;
}

static const resume_state somewhere = {.input = {UINT64_C(5000000000), 41},
                                       .texts = 40,
                                       .written = 37,
                                       .truncated = 2,
                                       .skipped = 3,
                                       .bytes = UINT64_C(6000000000)};

static void test_comes_back_as_it_was(void **state)
{
    (void)state;
    resume_settings settings = settings_with("mean");
    resume_state found = {.texts = 1};
    assert_int_equal(resume_state_write(path, &settings, &somewhere, NULL), AKI_OK);
    assert_int_equal(resume_state_read(path, &settings, &found, NULL), AKI_OK);
    assert_memory_equal(&found, &somewhere, sizeof found);
}

static void test_other_settings_are_refused_by_name(void **state)
{
    (void)state;
    resume_settings then = settings_with("mean"), now = settings_with("cls");
    resume_state found;
    aki_error error;
    assert_int_equal(resume_state_write(path, &then, &somewhere, NULL), AKI_OK);
    assert_int_equal(resume_state_read(path, &now, &found, &error), AKI_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "is of a run with another pooling: it was 'mean', it is 'cls'"));
    assert_non_null(strstr(error.hint, "--restart"));
    resume_settings_add(&now, "new", "x");
    resume_settings_add(&then, "new", "x");
    assert_int_equal(resume_state_read(path, &then, &found, &error), AKI_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "it was 'unknown'"));
}

static void test_names_that_are_not_utf8(void **state)
{
    (void)state;
    resume_settings settings = {.count = 0};
    resume_settings_add(&settings, "input", "%s", "/data/\xFF\xFE");
    resume_state found;
    assert_int_equal(resume_state_write(path, &settings, &somewhere, NULL), AKI_OK);
    assert_int_equal(resume_state_read(path, &settings, &found, NULL), AKI_OK);
}

static void test_damage_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "not json",
        "[]",
        "{}",
        "{\"version\":2}",
        "{\"version\":1,\"input_bytes\":-1}",
        "{\"version\":1,\"input_bytes\":\"1\"}",
        "{\"version\":1,\"input_bytes\":1,\"input_lines\":1,\"texts\":1,\"written\":1}",
    };
    resume_settings settings = settings_with("mean");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        resume_state found;
        aki_error error;
        unit_write_file(path, bad[i], strlen(bad[i]));
        assert_int_equal(resume_state_read(path, &settings, &found, &error), AKI_IO_ERROR);
        assert_non_null(strstr(error.hint, "--restart"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comes_back_as_it_was),
        cmocka_unit_test(test_other_settings_are_refused_by_name),
        cmocka_unit_test(test_names_that_are_not_utf8),
        cmocka_unit_test(test_damage_is_refused),
    };
    return cmocka_run_group_tests(tests, open_folder, remove_folder);
}
