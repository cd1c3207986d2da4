/* Headers found by name, paths of targets, and lists of tokens. */
#include "http/made_request.h"

static void headers_are_found_in_any_letter_case(void **state)
{
    (void)state;
    static const char text[] = "GET\0/p\0Host\0x\0HOST\0y\0A\0";
    static const http_field fields[] = {{7, 12}, {14, 19}, {21, 23}};
    const http_request request = {.text = text, .method = 1, .target = 5, .fields = fields, .count = 3};
    assert_string_equal(http_request_method(&request), "GET");
    assert_string_equal(http_request_target(&request), "/p");
    assert_string_equal(http_request_header(&request, "hOST"), "x"); /* the first */
    assert_string_equal(http_request_header(&request, "a"), "");
    assert_null(http_request_header(&request, "Hos"));
    assert_null(http_request_header(&request, "Hostt"));
    const http_request nothing = {.text = text};
    assert_string_equal(http_request_method(&nothing), "");
    assert_string_equal(http_request_target(&nothing), "");
    assert_null(http_request_header(&nothing, "Host"));
}

static void a_target_has_a_path(void **state)
{
    (void)state;
    static const struct {
        const char *target, *path;
    } rows[] = {{"/", "/"},
                {"/a/b?c=/d?e", "/a/b"},
                {"/?", "/"},
                {"*", "*"},
                {"http://host/a?b", "/a"},
                {"HTTPS://host:1/a", "/a"},
                {"http://host", "/"},
                {"http://host?a=/b", "/"},
                {"ftp://host/a", "ftp://host/a"},
                {"", ""}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        made_request made;
        size_t length;
        make_request(&made, "GET", rows[i].target);
        const char *path = http_request_path(&made.request, &length);
        assert_int_equal(length, strlen(rows[i].path));
        assert_memory_equal(path, rows[i].path, length);
    }
}

static void fields_of_one_name_are_joined(void **state)
{
    (void)state;
    static const char text[] = "GET\0/p\0Accept\0x\0ACCEPT\0y, z\0A\0";
    static const http_field fields[] = {{7, 14}, {16, 23}, {28, 30}};
    const http_request request = {.text = text, .method = 1, .target = 5, .fields = fields, .count = 3};
    buf list;
    buf_init(&list, 100);
    http_request_join(&request, "accept", &list);
    assert_string_equal(list.data, "x,y, z,");
    buf_clear(&list);
    http_request_join(&request, "Host", &list);
    assert_int_equal(list.length, 0);
    buf_free(&list);
}

static void methods_are_known(void **state)
{
    (void)state;
    static const char *const known[] = {"GET", "HEAD", "POST", "PATCH", "TRACE"};
    static const char *const unknown[] = {"", "get", "GETS", "PROPFIND"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        assert_true(http_method_exists(known[i]));
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        assert_false(http_method_exists(unknown[i]));
}

static void tokens_are_found_in_lists(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        bool has;
    } rows[] = {{"close", true},      {"Close", true},      {"a, close", true}, {"close,a", true},
                {" ,,close\t", true}, {"a,\tclose ", true}, {"closed", false},  {"clos", false},
                {"a-close", false},   {"", false},          {",", false},       {NULL, false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(http_list_has(rows[i].list, "close"), rows[i].has);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_found_in_any_letter_case),
        cmocka_unit_test(a_target_has_a_path),
        cmocka_unit_test(fields_of_one_name_are_joined),
        cmocka_unit_test(methods_are_known),
        cmocka_unit_test(tokens_are_found_in_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
