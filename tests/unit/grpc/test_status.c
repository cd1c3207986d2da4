#include "unit.h"

#include "base/buf.h"
#include "grpc/status.h"

static void every_error_has_a_status(void **state)
{
    (void)state;
    for (int i = 0; i < HTTP_ERROR_TOTAL; i++) {
        const grpc_code code = grpc_code_of((http_error_code)i);
        if (code == GRPC_OK)
            fail_msg("%s has no status", http_error_name((http_error_code)i));
        assert_string_not_equal(grpc_code_name(code), "");
    }
    assert_int_equal(grpc_code_of(HTTP_ERROR_OVERLOADED), GRPC_RESOURCE_EXHAUSTED);
    assert_int_equal(grpc_code_of(HTTP_ERROR_SHUTTING_DOWN), GRPC_UNAVAILABLE);
    assert_int_equal(grpc_code_of(HTTP_ERROR_DEADLINE_EXCEEDED), GRPC_DEADLINE_EXCEEDED);
    assert_int_equal(grpc_code_of(HTTP_ERROR_UNAUTHORIZED), GRPC_UNAUTHENTICATED);
    assert_int_equal(grpc_code_of(HTTP_ERROR_EMPTY_TEXT), GRPC_INVALID_ARGUMENT);
}

static void tells_the_good_end(void **state)
{
    (void)state;
    buf out;
    buf_init(&out, 100);
    grpc_status_write(NULL, &out);
    assert_int_equal(out.length, 14);
    assert_memory_equal(out.data, "grpc-status\0000", 14);
    buf_free(&out);
}

static void encodes_the_message(void **state)
{
    (void)state;
    static const char start[] = "grpc-status\0003\0grpc-message\0a%25%0A%C3%A4 \"b\". ";
    buf out;
    http_error error;
    buf_init(&out, 1000);
    http_error_set(&error, HTTP_ERROR_INVALID_VALUE, NULL, "a%%\n\xc3\xa4 \"b\"");
    grpc_status_write(&error, &out);
    assert_memory_equal(out.data, start, sizeof start - 1);
    for (size_t i = 0; i < out.length; i++)
        assert_true(out.data[i] == '\0' || (out.data[i] >= ' ' && out.data[i] <= '~'));
    assert_int_equal(out.data[out.length - 1], '\0');
    buf_free(&out);
}

/* Each status is a row "| STATUS | `code`, `code`… |" of docs/GRPC.md, with all errors that have it. */
static void the_documentation_has_the_same_table(void **state)
{
    (void)state;
    const char *root = getenv("AKIDB_SOURCE_ROOT");
    if (root == NULL)
        skip();
    static char text[1 << 16];
    char path[1024];
    snprintf(path, sizeof path, "%s/docs/GRPC.md", root);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_true(fread(text, 1, sizeof text - 1, file) > 0);
    fclose(file);
    for (int i = 0; i < HTTP_ERROR_TOTAL; i++) {
        char row[100], code[100];
        snprintf(row, sizeof row, "\n| %s | ", grpc_code_name(grpc_code_of((http_error_code)i)));
        snprintf(code, sizeof code, "`%s`", http_error_name((http_error_code)i));
        const char *begin = strstr(text, row);
        if (begin == NULL)
            fail_msg("docs/GRPC.md lacks the row%s", row);
        const char *found = strstr(begin, code);
        if (found == NULL || found > strchr(begin + 1, '\n'))
            fail_msg("docs/GRPC.md does not have %s in the row%s", code, row);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_a_status),
        cmocka_unit_test(tells_the_good_end),
        cmocka_unit_test(encodes_the_message),
        cmocka_unit_test(the_documentation_has_the_same_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
