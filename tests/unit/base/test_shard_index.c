#include "unit.h"

#include "base/shard_index.h"

static char path[256];

static aki_status read_text(shard_index *index, const char *text, aki_error *error)
{
    unit_write_file(path, text, strlen(text));
    return shard_index_read(index, path, error);
}

static void reads_an_index(void **state)
{
    (void)state;
    shard_index index;
    assert_int_equal(
        read_text(&index,
                  "{\"metadata\":{\"total_parameters\":3,\"total_size\":12.0},\"weight_map\":{"
                  "\"c\":\"b.safetensors\",\"a\":\"a b-1.safetensors\",\"b\":\"b.safetensors\"}}",
                  NULL),
        AKI_OK);
    assert_int_equal(index.count, 2);
    assert_string_equal(index.files[0], "a b-1.safetensors");
    assert_string_equal(index.files[1], "b.safetensors");
    assert_true(index.states_bytes);
    assert_int_equal(index.bytes, 12);
    assert_string_equal(json_string_value(json_object_get(index.tensors, "c")), "b.safetensors");
    shard_index_free(&index);
    assert_int_equal(read_text(&index, "{\"metadata\":null,\"weight_map\":{\"a\":\"a.safetensors\"}}", NULL),
                     AKI_OK);
    assert_false(index.states_bytes);
    shard_index_free(&index);
    shard_index_free(&index);
}

#define MAP(value) "{\"weight_map\":{\"a\":\"a.safetensors\",\"b\":" value "}}"
#define TOTAL(value) "{\"metadata\":{\"total_size\":" value "},\"weight_map\":{\"a\":\"a.safetensors\"}}"
#define NO_NAME "\"weight_map\" must give each tensor the name of a .safetensors file"
#define NO_TOTAL "\"total_size\" must be a whole number"

static void refuses_hostile_indexes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"", "not valid JSON"},
        {"{", "not valid JSON"},
        {"[]", "no \"weight_map\""},
        {"null", "not valid JSON"},
        {"{}", "no \"weight_map\""},
        {"{\"weight_map\":{}}", "no \"weight_map\""},
        {"{\"weight_map\":[\"a.safetensors\"]}", "no \"weight_map\""},
        {"{\"weight_map\":\"a.safetensors\"}", "no \"weight_map\""},
        {"{\"weight_map\":{\"a\":\"a.safetensors\",\"a\":\"b.safetensors\"}}", "duplicate"},
        {"{\"weight_map\":{\"a\":\"a.safetensors\"},\"weight_map\":{\"a\":\"b.safetensors\"}}", "duplicate"},
        {MAP("null"), NO_NAME},
        {MAP("1"), NO_NAME},
        {MAP("[\"b.safetensors\"]"), NO_NAME},
        {MAP("\"\""), NO_NAME},
        {MAP("\".safetensors\""), NO_NAME},
        {MAP("\"..safetensors\""), NO_NAME},
        {MAP("\"../b.safetensors\""), NO_NAME},
        {MAP("\"/etc/b.safetensors\""), NO_NAME},
        {MAP("\"inner/b.safetensors\""), NO_NAME},
        {MAP("\"..\\\\b.safetensors\""), NO_NAME},
        {MAP("\"./b.safetensors\""), NO_NAME},
        {MAP("\"b.bin\""), NO_NAME},
        {MAP("\"pytorch_model-00001-of-00002.bin\""), NO_NAME},
        {MAP("\"b.safetensors/\""), NO_NAME},
        {MAP("\"b\\u0000.safetensors\""), NO_NAME},
        {MAP("\"b\\n.safetensors\""), NO_NAME},
        {MAP("\"b.safetensors.index.json\""), NO_NAME},
        {"{\"metadata\":[],\"weight_map\":{\"a\":\"a.safetensors\"}}", "\"metadata\" must be an object"},
        {TOTAL("-1"), NO_TOTAL},
        {TOTAL("0.5"), NO_TOTAL},
        {TOTAL("\"12\""), NO_TOTAL},
        {TOTAL("true"), NO_TOTAL},
        {TOTAL("1e300"), NO_TOTAL},
        {TOTAL("99999999999999999999999999"), NO_TOTAL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        shard_index index;
        aki_error error = {.message = "", .hint = ""};
        const aki_status status = read_text(&index, rows[i].text, &error);
        if (status != AKI_MODEL_INVALID || strstr(error.message, rows[i].message) == NULL ||
            strstr(error.message, path) == NULL || error.hint[0] == '\0')
            fail_msg("%s: got %s \"%s\", expected \"...%s...\"", rows[i].text, aki_status_name(status),
                     error.message, rows[i].message);
        shard_index_free(&index);
    }
}

/* One name more than 255 bytes, and one file more than the limit. */
static void holds_its_limits(void **state)
{
    (void)state;
    for (size_t files = SHARD_INDEX_FILES_MAX; files <= SHARD_INDEX_FILES_MAX + 1; files++) {
        static char text[64 * (SHARD_INDEX_FILES_MAX + 2)];
        size_t used = (size_t)snprintf(text, sizeof text, "{\"weight_map\":{");
        for (size_t i = 0; i < files; i++)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s\"t%zu\":\"%05zu.safetensors\"",
                                     i > 0 ? "," : "", i, files - i);
        snprintf(text + used, sizeof text - used, "}}");
        shard_index index;
        aki_error error;
        const aki_status status = read_text(&index, text, &error);
        assert_int_equal(status, files <= SHARD_INDEX_FILES_MAX ? AKI_OK : AKI_MODEL_INVALID);
        if (status == AKI_OK)
            assert_string_equal(index.files[0], "00001.safetensors");
        else
            assert_non_null(strstr(error.message, "more than 256 files"));
        shard_index_free(&index);
    }
    for (int length = 255; length <= 256; length++) {
        char text[400];
        shard_index index;
        snprintf(text, sizeof text, "{\"weight_map\":{\"a\":\"%0*d.safetensors\"}}", length - 12, 1);
        assert_int_equal(read_text(&index, text, NULL), length <= 255 ? AKI_OK : AKI_MODEL_INVALID);
        shard_index_free(&index);
    }
}

static int make_folder(void **state)
{
    (void)state;
    char folder[200];
    unit_temporary_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/model.safetensors.index.json", folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_an_index),
        cmocka_unit_test(refuses_hostile_indexes),
        cmocka_unit_test(holds_its_limits),
    };
    return cmocka_run_group_tests(tests, make_folder, NULL);
}
