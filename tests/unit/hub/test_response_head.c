#include "unit.h"

#include "hub/response_head.h"

static void take(response_head *head, const char *line)
{
    /* A copy of exactly the line's length: reading beyond it is seen by the address sanitizer. */
    size_t length = strlen(line);
    char *copy = malloc(length > 0 ? length : 1);
    assert_non_null(copy);
    memcpy(copy, line, length);
    response_head_line(head, copy, length);
    free(copy);
}

static void test_fields(void **state)
{
    (void)state;
    response_head head;
    response_head_init(&head);
    assert_int_equal(head.linked_size, -1);
    take(&head, "HTTP/1.1 206 Partial Content\r\n");
    take(&head, "x-repo-commit: abc\r\n");
    take(&head, "X-Linked-ETag:\t\"ff\" \r\n");
    take(&head, "X-LINKED-SIZE: 90868376\r\n");
    take(&head, "ETag: W/\"ee\"");
    take(&head, "Content-Length: 123\n");
    take(&head, "Content-Range: bytes 100-222/223\r\n");
    take(&head, "X-Error-Code: EntryNotFound\r\n");
    take(&head, "X-Other: x\r\n");
    take(&head, "\r\n");
    assert_int_equal(head.status, 206);
    assert_string_equal(head.repo_commit, "abc");
    assert_string_equal(head.linked_etag, "\"ff\"");
    assert_int_equal(head.linked_size, 90868376);
    assert_string_equal(head.etag, "W/\"ee\"");
    assert_int_equal(head.content_length, 123);
    assert_int_equal(head.range_start, 100);
    assert_int_equal(head.range_length, 223);
    assert_string_equal(head.error_code, "EntryNotFound");
}

static void test_next_answer_keeps_what_describes_the_file(void **state)
{
    (void)state;
    response_head head;
    response_head_init(&head);
    take(&head, "HTTP/2 302 \r\n");
    take(&head, "X-Repo-Commit: abc\r\n");
    take(&head, "X-Linked-Size: 7\r\n");
    take(&head, "ETag: \"of the redirect\"\r\n");
    take(&head, "Content-Length: 0\r\n");
    take(&head, "HTTP/2 200 \r\n");
    assert_int_equal(head.status, 200);
    assert_string_equal(head.repo_commit, "abc");
    assert_int_equal(head.linked_size, 7);
    assert_string_equal(head.etag, "");
    assert_int_equal(head.content_length, -1);
}

static void test_malformed_lines(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "",
        "\r\n",
        ":",
        "ETag",
        "HTTP/",
        "HTTP/1.1",
        "HTTP/1.1 ",
        "HTTP/1.1 2x0 OK",
        "HTTP/1.1 20",
        "Content-Length: -5",
        "Content-Length: 1 2",
        "Content-Length:",
        "Content-Length: 99999999999999999999999999",
        "Content-Range: bytes",
        "Content-Range: bytes */5",
        "Content-Range: bytes a-b/c",
        "Content-Range: items 1-2/3",
        "X-Error-Code: <script>",
        "A-Name-Of-More-Than-Thirty-One-Characters: x",
    };
    response_head head;
    response_head_init(&head);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        take(&head, lines[i]);
    assert_true(head.status <= 0);
    assert_int_equal(head.content_length, -1);
    assert_int_equal(head.range_start, -1);
    assert_string_equal(head.etag, "");
    assert_string_equal(head.error_code, "");
}

static void test_long_value_counts_as_absent(void **state)
{
    (void)state;
    response_head head;
    response_head_init(&head);
    char line[RESPONSE_FIELD_MAX + 32] = "ETag: ";
    memset(line + 6, 'f', RESPONSE_FIELD_MAX);
    take(&head, line);
    assert_string_equal(head.etag, "");
    line[6 + RESPONSE_FIELD_MAX - 1] = '\0';
    take(&head, line);
    assert_int_equal(strlen(head.etag), RESPONSE_FIELD_MAX - 1);
    response_head_line(&head, "ETag: a\0b", 9);
    assert_int_equal(strlen(head.etag), RESPONSE_FIELD_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_next_answer_keeps_what_describes_the_file),
        cmocka_unit_test(test_malformed_lines),
        cmocka_unit_test(test_long_value_counts_as_absent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
