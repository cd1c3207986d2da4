#include "unit.h"

#include "api/http_error.h"

#include <jansson.h>

static const aki_status statuses[] = {
#define STATUS(symbol, number, name, text, hint) symbol,
    AKI_STATUS_TABLE(STATUS)
#undef STATUS
};

static void every_status_of_the_library_has_an_error(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        http_error_code code = http_error_of_status(statuses[i]);
        assert_in_range(code, 0, HTTP_ERROR_TOTAL - 1);
        assert_in_range(http_error_status(code), 400, 599);
    }
    assert_int_equal(http_error_status(http_error_of_status(AKI_OVERLOADED)), 429);
    assert_int_equal(http_error_status(http_error_of_status(AKI_DEADLINE_EXCEEDED)), 504);
    assert_int_equal(http_error_status(http_error_of_status(AKI_NOT_FINITE)), 500);
    assert_int_equal(http_error_status(http_error_of_status(AKI_OUT_OF_MEMORY)), 503);
    assert_int_equal(http_error_status(http_error_of_status(AKI_TEXT_TOO_LONG)), 400);
    assert_int_equal(http_error_status(http_error_of_status((aki_status)9999)), 500);
}

static void each_row_is_complete_and_unlike_the_others(void **state)
{
    (void)state;
    for (int i = 0; i < HTTP_ERROR_TOTAL; i++) {
        http_error_code code = (http_error_code)i;
        assert_true(strlen(http_error_name(code)) > 0);
        assert_int_equal(strspn(http_error_name(code), "abcdefghijklmnopqrstuvwxyz_0123456789"),
                         strlen(http_error_name(code)));
        const char *hint = http_error_hint(code);
        assert_true(strlen(hint) > 10);
        assert_int_equal(hint[strlen(hint) - 1], '.');
        for (int other = 0; other < i; other++)
            assert_string_not_equal(http_error_name(code), http_error_name((http_error_code)other));
        unsigned status = http_error_status(code);
        const char *type = http_error_type(code);
        if (status == 401)
            assert_string_equal(type, HTTP_TYPE_AUTHENTICATION);
        else if (status == 403)
            assert_string_equal(type, HTTP_TYPE_PERMISSION);
        else if (status == 429)
            assert_string_equal(type, HTTP_TYPE_OVERLOADED);
        else if (status == 503)
            assert_string_equal(type, HTTP_TYPE_UNAVAILABLE);
        else if (status == 504)
            assert_string_equal(type, HTTP_TYPE_TIMEOUT);
        else
            assert_string_equal(type, status < 500 || status == 501 || status == 505 ? HTTP_TYPE_INVALID
                                                                                     : HTTP_TYPE_SERVER);
    }
}

static json_t *written(const http_error *error)
{
    buf out;
    buf_init(&out, 10000);
    assert_true(http_error_write(error, &out));
    json_t *root = json_loadb(out.data, out.length, 0, NULL);
    buf_free(&out);
    assert_non_null(root);
    assert_int_equal(json_object_size(root), 1);
    return root;
}

static const char *field(const json_t *root, const char *key)
{
    return json_string_value(json_object_get(json_object_get(root, "error"), key));
}

static void writes_message_type_param_and_code(void **state)
{
    (void)state;
    http_error error;
    http_error_set(&error, HTTP_ERROR_INVALID_TYPE, "texts[3]", "texts[3] is \"%s\"", "wrong");
    json_t *root = written(&error);
    assert_int_equal(json_object_size(json_object_get(root, "error")), 4);
    assert_string_equal(field(root, "param"), "texts[3]");
    assert_string_equal(field(root, "code"), "invalid_type");
    assert_string_equal(field(root, "type"), "invalid_request_error");
    assert_string_equal(field(root, "message"),
                        "texts[3] is \"wrong\". Correct the type of the field named in param.");
    json_decref(root);
    http_error_set(&error, HTTP_ERROR_NOT_FOUND, NULL, "there is no \xFF route");
    root = written(&error);
    assert_true(json_is_null(json_object_get(json_object_get(root, "error"), "param")));
    json_decref(root);
}

static void names_the_text_at_fault(void **state)
{
    (void)state;
    aki_error from = {.status = AKI_TEXT_TOO_LONG, .text_index = 7, .message = "too long"};
    http_error error;
    http_error_from(&error, &from);
    assert_int_equal(error.code, HTTP_ERROR_TEXT_TOO_LONG);
    assert_string_equal(error.param, "texts[7]");
    from.text_index = AKI_NO_INDEX;
    http_error_from(&error, &from);
    assert_string_equal(error.param, "");
}

/* Each row of the table is a line "| `code` | status | `type` | what to do |" of docs/API.md, and no other is there. */
static void the_documentation_lists_the_same_table(void **state)
{
    (void)state;
    const char *root = getenv("AKIDB_SOURCE_ROOT");
    if (root == NULL)
        skip();
    char path[1024];
    snprintf(path, sizeof path, "%s/docs/API.md", root);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
    fclose(file);
    for (int i = 0; i < HTTP_ERROR_TOTAL; i++) {
        char row[512];
        http_error_code code = (http_error_code)i;
        snprintf(row, sizeof row, "\n| `%s` | %u | `%s` | %s |\n", http_error_name(code),
                 http_error_status(code), http_error_type(code), http_error_hint(code));
        if (strstr(text, row) == NULL)
            fail_msg("docs/API.md lacks the line%s", row);
    }
    int rows = 0;
    for (const char *at = text; (at = strstr(at, "` | ")) != NULL; at++)
        /* a status alone in its cell, behind a code */
        rows +=
            strspn(at + strlen("` | "), "0123456789") == 3 && strncmp(at + strlen("` | 400"), " | `", 4) == 0;
    assert_int_equal(rows, HTTP_ERROR_TOTAL);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_of_the_library_has_an_error),
        cmocka_unit_test(each_row_is_complete_and_unlike_the_others),
        cmocka_unit_test(writes_message_type_param_and_code),
        cmocka_unit_test(names_the_text_at_fault),
        cmocka_unit_test(the_documentation_lists_the_same_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
