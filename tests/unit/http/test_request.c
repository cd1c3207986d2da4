/* Headers found by name, and lists of tokens. */
#include "unit.h"

#include "http/request.h"

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
        cmocka_unit_test(tokens_are_found_in_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
