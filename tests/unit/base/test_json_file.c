#include "unit.h"

#include "base/json_parse.h"

static char folder[200], path[256];

static json_t *read_text(const char *text)
{
    unit_write_file(path, text, strlen(text));
    json_t *root = NULL;
    aki_error error = {.message = ""};
    if (json_file_read(path, 1000, &root, &error) != AKI_OK)
        fail_msg("%s: %s", text, error.message);
    return root;
}

static void refuses_what_is_not_json(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "{", "{\"a\":1,\"a\":2}", "{} {}", "\xFF", "NaN", "{\"a\":100000000000000000000,}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        json_t *root = NULL;
        aki_error error;
        unit_write_file(path, texts[i], strlen(texts[i]));
        assert_int_equal(json_file_read(path, 1000, &root, &error), AKI_MODEL_INVALID);
        assert_null(root);
        assert_non_null(strstr(error.message, path));
        assert_non_null(strstr(error.message, "line 1"));
    }
}

static void limits_and_missing_files(void **state)
{
    (void)state;
    json_t *root = NULL;
    aki_error error;
    unit_write_file(path, "[1,2,3]", 7);
    assert_int_equal(json_file_read(path, 6, &root, &error), AKI_IO_ERROR);
    assert_null(root);
    assert_int_equal(json_file_read(path, 7, &root, &error), AKI_OK);
    json_decref(root);
    assert_int_equal(json_file_read("/nonexistent", 7, &root, &error), AKI_MODEL_NOT_FOUND);
    assert_null(root);
}

static void fields_keep_their_value_or_take_a_valid_one(void **state)
{
    (void)state;
    json_t *root = read_text("{\"n\":7,\"x\":0.5,\"b\":true,\"s\":\"text\",\"z\":null,\"m\":-1}");
    size_t size = 3;
    double number = 3;
    bool on = false;
    const char *text = "before";
    aki_error error;
    assert_int_equal(json_field_size(root, path, "absent", 0, 9, &size, &error), AKI_OK);
    assert_int_equal(json_field_size(root, path, "z", 0, 9, &size, &error), AKI_OK);
    assert_int_equal(size, 3);
    assert_int_equal(json_field_size(root, path, "n", 0, 9, &size, &error), AKI_OK);
    assert_int_equal(size, 7);
    assert_int_equal(json_field_size(root, path, "n", 0, 6, &size, &error), AKI_MODEL_INVALID);
    assert_int_equal(json_field_size(root, path, "n", 8, 9, &size, &error), AKI_MODEL_INVALID);
    assert_int_equal(json_field_size(root, path, "m", 0, 9, &size, &error), AKI_MODEL_INVALID);
    assert_int_equal(json_field_size(root, path, "x", 0, 9, &size, &error), AKI_MODEL_INVALID);
    assert_int_equal(json_field_size(root, path, "s", 0, 9, &size, &error), AKI_MODEL_INVALID);
    assert_non_null(strstr(error.message, "\"s\" must be a whole number from 0 to 9"));
    assert_int_equal(size, 7);
    assert_int_equal(json_field_number(root, path, "x", 0, 1, &number, &error), AKI_OK);
    assert_true(number == 0.5);
    assert_int_equal(json_field_number(root, path, "n", 0, 1, &number, &error), AKI_MODEL_INVALID);
    assert_int_equal(json_field_number(root, path, "s", 0, 1, &number, &error), AKI_MODEL_INVALID);
    assert_int_equal(json_field_bool(root, path, "b", &on, &error), AKI_OK);
    assert_true(on);
    assert_int_equal(json_field_bool(root, path, "n", &on, &error), AKI_MODEL_INVALID);
    assert_int_equal(json_field_string(root, path, "s", &text, &error), AKI_OK);
    assert_string_equal(text, "text");
    assert_int_equal(json_field_string(root, path, "b", &text, &error), AKI_MODEL_INVALID);
    json_decref(root);
}

/* One number beyond 64 bits must not make the others of the file unreadable. */
static void numbers_beyond_64_bits(void **state)
{
    (void)state;
    json_t *root = read_text("{\"huge\":1000000000000000019884624838656,\"n\":7,\"x\":7.5,\"m\":-1}");
    size_t size = 0;
    double number = 0;
    assert_int_equal(json_field_size(root, path, "n", 0, 9, &size, NULL), AKI_OK);
    assert_int_equal(size, 7);
    assert_int_equal(json_field_size(root, path, "x", 0, 9, &size, NULL), AKI_MODEL_INVALID);
    assert_int_equal(json_field_size(root, path, "m", 0, 9, &size, NULL), AKI_MODEL_INVALID);
    assert_int_equal(json_field_size(root, path, "huge", 0, SIZE_MAX, &size, NULL), AKI_MODEL_INVALID);
    assert_int_equal(json_field_number(root, path, "huge", 0, 1e300, &number, NULL), AKI_OK);
    assert_true(number == 1e30);
    json_decref(root);
}

static size_t allocations_left = SIZE_MAX; /* of the parser */

static void *scarce(size_t size)
{
    return allocations_left > 0 ? allocations_left--, malloc(size) : NULL;
}

/* Whichever allocation of the parser fails: an error of the right name, and no leak. */
static void memory_that_runs_out(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":[1,\"text\",{\"b\":2.5}]}";
    unit_write_file(path, text, strlen(text));
    size_t refused = 0;
    for (;; refused++) {
        json_t *root = NULL;
        aki_error error;
        allocations_left = refused;
        aki_status status = json_file_read(path, 1000, &root, &error);
        json_decref(root);
        if (status == AKI_OK)
            break;
        assert_null(root);
        assert_int_equal(status, AKI_OUT_OF_MEMORY);
    }
    allocations_left = SIZE_MAX;
    assert_true(refused > 5);
}

static int make_folder(void **state)
{
    (void)state;
    json_set_alloc_funcs(scarce, free);
    json_parse_wrap_allocator(); /* goes around it */
    unit_temporary_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/file.json", folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_is_not_json),
        cmocka_unit_test(limits_and_missing_files),
        cmocka_unit_test(fields_keep_their_value_or_take_a_valid_one),
        cmocka_unit_test(numbers_beyond_64_bits),
        cmocka_unit_test(memory_that_runs_out),
    };
    return cmocka_run_group_tests(tests, make_folder, NULL);
}
