#include "unit.h"

#include "api/cl100k.h"
#include "api/float_text.h"
#include "base/buf.h"

#define TOKENS 100256

/* A vocabulary of its size: ids below 256 are bytes, those above them are their own decimal digits. */
static void write_vocabulary(char *path, size_t room, size_t tokens, const char *tail)
{
    char folder[256];
    unit_temporary_folder(folder, sizeof folder);
    snprintf(path, room, "%s/vocabulary", folder);
    buf file;
    buf_init(&file, (size_t)8 << 20);
    for (size_t id = 0; id < tokens; id++) {
        char text[16] = {(char)id};
        const int length = id < 256 ? 1 : snprintf(text, sizeof text, "%zu", id);
        base64_append(&file, text, (size_t)length);
        buf_printf(&file, " %zu\n", id);
    }
    buf_append_string(&file, tail);
    unit_write_file(path, file.data, file.length);
    buf_free(&file);
}

static cl100k *open_whole(void)
{
    char path[300];
    cl100k *vocabulary;
    aki_error error;
    write_vocabulary(path, sizeof path, TOKENS, "");
    assert_int_equal(cl100k_open(&vocabulary, path, &error), AKI_OK);
    return vocabulary;
}

static void gives_the_bytes_of_ids(void **state)
{
    (void)state;
    cl100k *vocabulary = open_whole();
    size_t length;
    const char *token = cl100k_token(vocabulary, 0, &length);
    assert_true(length == 1 && token[0] == '\0');
    token = cl100k_token(vocabulary, TOKENS - 1, &length);
    assert_true(length == 6 && memcmp(token, "100255", 6) == 0);
    token = cl100k_token(vocabulary, 100257, &length);
    assert_true(length == 13 && memcmp(token, "<|endoftext|>", 13) == 0);
    static const int64_t none[] = {-1, TOKENS, 100261, 100277, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        assert_null(cl100k_token(vocabulary, none[i], &length));
    cl100k_close(vocabulary);
}

static void refuses_other_files(void **state)
{
    (void)state;
    static const struct {
        size_t tokens;
        const char *tail;
    } files[] = {{0, ""},         {TOKENS - 1, ""}, {TOKENS, "QQ== 100256\n"},
                 {5, "QQ== 6\n"}, {5, "QQ= 5\n"},   {5, "Q*== 5\n"},
                 {5, " 5\n"},     {5, "QQ== 5"},    {5, "QQ=="},
                 {5, "Q=== 5\n"}, {TOKENS, "\n"}};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[300];
        cl100k *vocabulary;
        aki_error error;
        write_vocabulary(path, sizeof path, files[i].tokens, files[i].tail);
        assert_int_equal(cl100k_open(&vocabulary, path, &error), AKI_MODEL_INVALID);
        assert_null(vocabulary);
        assert_non_null(strstr(error.message, "is not the vocabulary of cl100k"));
        assert_non_null(strstr(error.hint, "scripts/get-cl100k"));
    }
    cl100k *vocabulary;
    aki_error error;
    assert_int_equal(cl100k_open(&vocabulary, "/nonexistent/file", &error), AKI_MODEL_NOT_FOUND);
}

/* The field "input" after the lists were replaced, or "error PARAM". */
static void check(const cl100k *vocabulary, const char *before, const char *expected, size_t max_bytes)
{
    json_error_t reason;
    http_error error;
    char text[400];
    json_t *object = json_pack("{s:o}", "input", json_loads(before, JSON_DECODE_ANY, &reason));
    if (cl100k_replace_ids(vocabulary, object, "input", max_bytes, &error)) {
        char *dump = json_dumps(json_object_get(object, "input"), JSON_ENCODE_ANY | JSON_COMPACT);
        snprintf(text, sizeof text, "%s", dump);
        free(dump);
    } else {
        snprintf(text, sizeof text, "%s %s", http_error_name(error.code), error.param);
    }
    assert_string_equal(text, expected);
    json_decref(object);
}

static void replaces_lists_of_ids(void **state)
{
    (void)state;
    static const struct {
        const char *before, *after;
    } cases[] = {
        {"[72,105]", "\"Hi\""},
        {"[[72,105],[300],[]]", "[\"Hi\",\"300\",\"\"]"},
        {"[[72],\"text\"]", "[\"H\",\"text\"]"},
        {"[100257]", "\"<|endoftext|>\""},
        {"\"text\"", "\"text\""},
        {"[]", "[]"},
        {"5", "5"},
        {"[null,{}]", "[null,{}]"},
        {"[[72,\"x\"]]", "invalid_type texts[0]"},
        {"[72,null]", "invalid_type input"},
        {"[1.5]", "invalid_type input"},
        {"[[1],[100256]]", "invalid_value texts[1]"},
        {"[-1]", "invalid_value input"},
        {"[195,164]", "\"ä\""},
        {"[228,184]", "\"\xEF\xBF\xBD\""}, /* the beginning of a character: one mark */
        {"[240,159,152,65]", "\"\xEF\xBF\xBD"
                             "A\""},
        {"[237,160,128]",
         "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""}, /* half a pair: none, so one for each */
        {"[192,128,65]", "\"\xEF\xBF\xBD\xEF\xBF\xBD"
                         "A\""},
        {"[255]", "\"\xEF\xBF\xBD\""},
    };
    cl100k *vocabulary = open_whole();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check(vocabulary, cases[i].before, cases[i].after, 100);
    check(vocabulary, "[[300,300],[300]]", "[\"300300\",\"300\"]", 9);
    check(vocabulary, "[[300,300],[300]]", "body_too_large texts[1]", 8);
    cl100k_close(vocabulary);
    cl100k_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_bytes_of_ids),
        cmocka_unit_test(refuses_other_files),
        cmocka_unit_test(replaces_lists_of_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
