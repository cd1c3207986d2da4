#include "unit.h"

#include "cli/line_source.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

static char folder[200], path[240];

static int open_folder(void **state)
{
    (void)state;
    unit_temporary_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/input", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static line_source *open_bytes(const void *data, size_t length, size_t max_line_bytes)
{
    line_source *source;
    unit_write_file(path, data, length);
    assert_int_equal(line_source_open(&source, path, max_line_bytes, -1, NULL), AKI_OK);
    assert_int_equal(line_source_size(source), length);
    return source;
}

static void expect_line(line_source *source, const char *text, size_t ending, uint64_t number)
{
    input_line line;
    assert_int_equal(line_source_next(source, &line, NULL), LINE_READ);
    assert_int_equal(line.length, strlen(text));
    assert_memory_equal(line.data, text, line.length);
    assert_int_equal(line.ending, ending);
    assert_int_equal(line.number, number);
}

static void expect_end(line_source *source)
{
    input_line line;
    assert_int_equal(line_source_next(source, &line, NULL), LINE_END);
    assert_int_equal(line_source_next(source, &line, NULL), LINE_END);
    line_source_close(source);
}

static void test_line_ends(void **state)
{
    (void)state;
    line_source *source = open_bytes("a\nb\r\n\nc\rd\r\r\n\r\nlast", 18, 100);
    expect_line(source, "a", 1, 1);
    expect_line(source, "b", 2, 2);
    expect_line(source, "", 1, 3);
    expect_line(source, "c\rd\r", 2, 4);
    expect_line(source, "", 2, 5);
    expect_line(source, "last", 0, 6);
    expect_end(source);
    expect_end(open_bytes("", 0, 100));
    source = open_bytes("\n", 1, 100);
    expect_line(source, "", 1, 1);
    expect_end(source);
}

static void test_byte_order_mark_at_the_start_only(void **state)
{
    (void)state;
    line_source *source = open_bytes("\xEF\xBB\xBFq\n\xEF\xBB\xBFr", 9, 100);
    expect_line(source, "q", 1, 1);
    expect_line(source, "\xEF\xBB\xBFr", 0, 2);
    expect_end(source);
    expect_end(open_bytes("\xEF\xBB\xBF", 3, 100));
    source = open_bytes("\xEF\xBB", 2, 100);
    expect_line(source, "\xEF\xBB", 0, 1);
    expect_end(source);
}

static void test_limit_counts_bytes_without_the_end(void **state)
{
    (void)state;
    input_line line;
    line_source *source = open_bytes("1234\r\n12345\n1234\n1234567890\nab", 30, 4);
    expect_line(source, "1234", 2, 1);
    assert_int_equal(line_source_next(source, &line, NULL), LINE_TOO_LONG);
    assert_int_equal(line.number, 2);
    expect_line(source, "1234", 1, 3);
    assert_int_equal(line_source_next(source, &line, NULL), LINE_TOO_LONG);
    expect_line(source, "ab", 0, 5);
    expect_end(source);
}

/* Far more bytes than the buffers hold: the line is dropped as it is read, and the ones around it are whole. */
static void test_endless_line_is_skipped(void **state)
{
    (void)state;
    input_line line;
    size_t length = 3000000;
    char *data = malloc(length);
    assert_non_null(data);
    memset(data, 'x', length);
    memcpy(data, "before\n", 7);
    memcpy(data + length - 6, "\nafter", 6);
    line_source *source = open_bytes(data, length, 1000);
    expect_line(source, "before", 1, 1);
    assert_int_equal(line_source_next(source, &line, NULL), LINE_TOO_LONG);
    expect_line(source, "after", 0, 3);
    expect_end(source);
    memset(data, 'x', length); /* with no end at all */
    source = open_bytes(data, length, 1000);
    assert_int_equal(line_source_next(source, &line, NULL), LINE_TOO_LONG);
    expect_end(source);
    free(data);
}

static void test_lines_across_reads(void **state)
{
    (void)state;
    size_t length = 0, lines = 40000;
    char *data = malloc(lines * 40);
    assert_non_null(data);
    for (size_t i = 0; i < lines; i++)
        length +=
            (size_t)snprintf(data + length, 40, "line %zu %.*s\n", i, (int)(i % 17), "xxxxxxxxxxxxxxxxx");
    line_source *source = open_bytes(data, length, 100);
    for (size_t i = 0; i < lines; i++) {
        char text[64];
        snprintf(text, sizeof text, "line %zu %.*s", i, (int)(i % 17), "xxxxxxxxxxxxxxxxx");
        expect_line(source, text, 1, i + 1);
    }
    expect_end(source);
    free(data);
}

static void test_seeking_goes_on_at_a_position(void **state)
{
    (void)state;
    line_source *source = open_bytes("\xEF\xBB\xBFone\ntwo\r\nthree\n", 18, 100);
    expect_line(source, "one", 1, 1);
    expect_line(source, "two", 2, 2);
    line_position position = line_source_position(source);
    assert_int_equal(position.offset, 12);
    assert_int_equal(position.line, 2);
    expect_line(source, "three", 1, 3);
    assert_int_equal(line_source_seek(source, position, NULL), AKI_OK);
    expect_line(source, "three", 1, 3);
    assert_int_equal(line_source_seek(source, (line_position){0, 0, 0}, NULL), AKI_OK);
    expect_line(source, "one", 1, 1);
    line_source_close(source);
}

static void test_cr_alone_ends_a_line_where_asked_for(void **state)
{
    (void)state;
    line_source *source = open_bytes("a\rb\r\nc\n\rd\r\re\n\r\nf\r", 17, 100);
    line_source_end_lines_at_cr(source);
    expect_line(source, "a", 1, 1);
    expect_line(source, "b", 2, 2);
    expect_line(source, "c", 1, 3);
    expect_line(source, "", 1, 4);
    expect_line(source, "d", 1, 5);
    expect_line(source, "", 1, 6);
    expect_line(source, "e", 1, 7);
    expect_line(source, "", 2, 8);
    expect_line(source, "f", 1, 9);
    expect_end(source);
}

/* A read may end anywhere, also between CR and LF. */
static void test_line_ends_across_reads(void **state)
{
    (void)state;
    size_t length = 0, lines = 70000;
    char *data = malloc(lines * 12);
    assert_non_null(data);
    static const char *const ends[] = {"\r", "\n", "\r\n"};
    for (size_t i = 0; i < lines; i++)
        length += (size_t)snprintf(data + length, 12, "%zu%s", i % 1000, ends[i % 3]);
    line_source *source = open_bytes(data, length, 100);
    line_source_end_lines_at_cr(source);
    for (size_t i = 0; i < lines; i++) {
        char text[20];
        snprintf(text, sizeof text, "%zu", i % 1000);
        expect_line(source, text, strlen(ends[i % 3]), i + 1);
    }
    expect_end(source);
    free(data);
}

static void test_peeking_takes_nothing(void **state)
{
    (void)state;
    input_line line;
    line_source *source = open_bytes("\xEF\xBB\xBFone\r\n12345678\ntwo", 20, 5);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(line_source_peek(source, &line, NULL), LINE_READ);
        assert_int_equal(line.length, 3);
        assert_int_equal(line.number, 1);
    }
    expect_line(source, "one", 2, 1);
    assert_int_equal(line_source_peek(source, &line, NULL), LINE_TOO_LONG);
    assert_int_equal(line_source_next(source, &line, NULL), LINE_TOO_LONG);
    expect_line(source, "two", 0, 3);
    assert_int_equal(line_source_peek(source, &line, NULL), LINE_END);
    expect_end(source);
}

/* Seeks to the position behind the first line after the file has changed. */
static aki_status seek_after_change(const char *before, const char *after, bool ends_at_cr)
{
    input_line line;
    line_source *source = open_bytes(before, strlen(before), 100);
    if (ends_at_cr)
        line_source_end_lines_at_cr(source);
    assert_int_equal(line_source_next(source, &line, NULL), LINE_READ);
    line_position position = line_source_position(source);
    line_source_close(source);
    source = open_bytes(after, strlen(after), 100);
    if (ends_at_cr)
        line_source_end_lines_at_cr(source);
    aki_error error = {.message = ""};
    aki_status status = line_source_seek(source, position, &error);
    if (status != AKI_OK)
        assert_non_null(strstr(error.message, "are not what the interrupted run has read"));
    line_source_close(source);
    return status;
}

static void test_seeking_minds_what_comes_before(void **state)
{
    (void)state;
    assert_int_equal(seek_after_change("one\ntwo\n", "one\ntwo\n", false), AKI_OK);
    assert_int_equal(seek_after_change("one\ntwo\n", "one\nother, and more\n", false), AKI_OK);
    assert_int_equal(seek_after_change("one\ntwo\n", "One\ntwo\n", false), AKI_INVALID_ARGUMENT);
    assert_int_equal(seek_after_change("one\ntwo\n", "o\nn\ntwo\n", false), AKI_INVALID_ARGUMENT);
    assert_int_equal(seek_after_change("one\ntwo\n", "on", false), AKI_INVALID_ARGUMENT);
    assert_int_equal(seek_after_change("one", "one", false), AKI_OK);
    assert_int_equal(seek_after_change("one", "one more\n", false), AKI_INVALID_ARGUMENT);
    assert_int_equal(seek_after_change("one\r", "one\rtwo", true), AKI_OK);
    assert_int_equal(seek_after_change("one\r", "one\r\ntwo", true), AKI_INVALID_ARGUMENT);
}

/* A FIFO without a writer: opening it does not wait, and waiting for a line ends with the stop. */
static void test_fifo_that_nobody_writes(void **state)
{
    (void)state;
    int stop = eventfd(0, EFD_CLOEXEC);
    line_source *source;
    input_line line;
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(line_source_open(&source, path, 100, stop, NULL), AKI_OK);
    assert_false(line_source_ready(source));
    assert_int_equal(eventfd_write(stop, 1), 0);
    assert_int_equal(line_source_next(source, &line, NULL), LINE_STOPPED);
    line_source_close(source);
    assert_int_equal(line_source_open(&source, path, 100, -1, NULL), AKI_OK);
    int writer = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(writer, "late\n", 5), 5);
    expect_line(source, "late", 1, 1);
    close(writer);
    expect_end(source);
    close(stop);
    unlink(path);
}

static void test_stop_ends_waiting(void **state)
{
    (void)state;
    int stop = eventfd(1, EFD_CLOEXEC);
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    int writer = open(path, O_RDWR | O_CLOEXEC);
    line_source *source;
    input_line line;
    assert_int_equal(line_source_open(&source, path, 100, stop, NULL), AKI_OK);
    assert_int_equal(line_source_size(source), 0);
    assert_false(line_source_ready(source));
    assert_int_equal(line_source_next(source, &line, NULL), LINE_STOPPED);
    line_source_close(source);
    close(writer);
    close(stop);
    unlink(path);
}

static void test_ready_tells_whether_reading_would_wait(void **state)
{
    (void)state;
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    int writer = open(path, O_RDWR | O_CLOEXEC);
    line_source *source;
    assert_int_equal(line_source_open(&source, path, 100, -1, NULL), AKI_OK);
    assert_int_equal(write(writer, "a\nb\n", 4), 4);
    assert_true(line_source_ready(source));
    expect_line(source, "a", 1, 1);
    assert_true(line_source_ready(source)); /* b is in the buffer */
    expect_line(source, "b", 1, 2);
    assert_false(line_source_ready(source));
    line_source_close(source);
    close(writer);
    unlink(path);
}

static void test_what_cannot_be_opened(void **state)
{
    (void)state;
    line_source *source;
    aki_error error;
    assert_int_equal(line_source_open(&source, "/nonexistent/x", 100, -1, &error), AKI_IO_ERROR);
    assert_string_equal(error.message, "cannot open '/nonexistent/x': No such file or directory");
    assert_int_equal(line_source_open(&source, "/", 100, -1, &error), AKI_IO_ERROR);
    assert_string_equal(error.message, "'/' is a folder");
    assert_null(source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line_ends),
        cmocka_unit_test(test_byte_order_mark_at_the_start_only),
        cmocka_unit_test(test_limit_counts_bytes_without_the_end),
        cmocka_unit_test(test_endless_line_is_skipped),
        cmocka_unit_test(test_lines_across_reads),
        cmocka_unit_test(test_seeking_goes_on_at_a_position),
        cmocka_unit_test(test_cr_alone_ends_a_line_where_asked_for),
        cmocka_unit_test(test_line_ends_across_reads),
        cmocka_unit_test(test_peeking_takes_nothing),
        cmocka_unit_test(test_seeking_minds_what_comes_before),
        cmocka_unit_test(test_fifo_that_nobody_writes),
        cmocka_unit_test(test_stop_ends_waiting),
        cmocka_unit_test(test_ready_tells_whether_reading_would_wait),
        cmocka_unit_test(test_what_cannot_be_opened),
    };
    return cmocka_run_group_tests(tests, open_folder, remove_folder);
}
