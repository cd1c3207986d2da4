#include "unit.h"

#include "base/error.h"
#include "cli/bulk/text_reader.h"

static char folder[200], path[240];

static int open_folder(void **state)
{
    (void)state;
    unit_temporary_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/in", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static text_reader_settings settings_for(text_format format)
{
    return (text_reader_settings){.path = path,
                                  .format = format,
                                  .field = "text",
                                  .csv = {.delimiter = ',', .usual_delimiter = ',', .header = true},
                                  .max_line_bytes = 1000,
                                  .stop_descriptor = -1};
}

static text_reader *open_text(text_reader_settings settings, const char *data, size_t length)
{
    text_reader *reader;
    aki_error error = {.message = ""};
    unit_write_file(path, data, length);
    assert_int_equal(text_reader_open(&reader, &settings, &error), AKI_OK);
    return reader;
}
#define OPEN(settings, text) open_text(settings, text, sizeof text - 1)

static void expect_text(text_reader *reader, const char *text, const char *id, uint64_t line)
{
    text_record record;
    aki_error error = {.message = ""};
    assert_int_equal(text_reader_next(reader, &record, &error), TEXT_READ);
    assert_int_equal(record.length, strlen(text));
    assert_memory_equal(record.text, text, record.length);
    assert_int_equal(record.line, line);
    if (id == NULL)
        assert_null(record.id);
    else
        assert_string_equal(record.id, id);
}

static void expect_bad(text_reader *reader, aki_status status, const char *message)
{
    text_record record;
    aki_error error = {.message = ""};
    char whole[600];
    snprintf(whole, sizeof whole, "%s %s", path, message);
    assert_int_equal(text_reader_next(reader, &record, &error), TEXT_BAD);
    assert_int_equal(error.status, status);
    assert_string_equal(error.message, whole);
    assert_true(error.hint[0] != '\0');
}

static void expect_end(text_reader *reader)
{
    text_record record;
    aki_error error = {.message = ""};
    assert_int_equal(text_reader_next(reader, &record, &error), TEXT_END);
    text_reader_close(reader);
}

static void test_lines(void **state)
{
    (void)state;
    text_reader *reader = OPEN(settings_for(TEXT_LINES), "one\r\n \n\ntwo\xFFx\nna\xC3\xAFve\n");
    expect_text(reader, "one", NULL, 1);
    expect_text(reader, " ", NULL, 2); /* white space is a text */
    expect_bad(reader, AKI_EMPTY_TEXT, "line 3: the text is empty");
    expect_bad(reader, AKI_INVALID_UTF8, "line 4: byte 4 of the text (0xFF) is not valid UTF-8");
    expect_text(reader, "na\xC3\xAFve", NULL, 5);
    expect_end(reader);
    text_reader_settings settings = settings_for(TEXT_LINES);
    settings.max_line_bytes = 4;
    reader = OPEN(settings, "12345\n1234\n");
    expect_bad(reader, AKI_INVALID_ARGUMENT, "line 1: longer than the 4 bytes allowed");
    expect_text(reader, "1234", NULL, 2);
    expect_end(reader);
    reader = open_text(settings_for(TEXT_LINES), "a\0b\n", 4);
    text_record record;
    assert_int_equal(text_reader_next(reader, &record, NULL), TEXT_READ);
    assert_int_equal(record.length, 3); /* U+0000 is a character */
    expect_end(reader);
}

static void test_jsonl(void **state)
{
    (void)state;
    text_reader *reader =
        OPEN(settings_for(TEXT_JSONL), "{\"text\":\"a\"}\n\n  \t\n"
                                       "{\"id\":\"x-1\",\"text\":\"caf\\u00e9\",\"more\":[1]}\r\n"
                                       "{\"text\":\"b\",\"id\":17}\n"
                                       "{\"text\":\"c\",\"id\":null}\n"
                                       "{\"text\":\"d\",\"id\":{\"k\": [1, 2.5]}}");
    expect_text(reader, "a", NULL, 1);
    expect_text(reader, "caf\xC3\xA9", "\"x-1\"", 4);
    expect_text(reader, "b", "17", 5);
    expect_text(reader, "c", "null", 6);
    expect_text(reader, "d", "{\"k\": [1, 2.5]}", 7);
    expect_end(reader);
}

static void test_jsonl_mistakes(void **state)
{
    (void)state;
    text_reader *reader =
        OPEN(settings_for(TEXT_JSONL), "{\"text\":1}\n{\"body\":\"a\"}\n[\"a\"]\n\"a\"\n{\"text\":\"\"}\n"
                                       "{\"text\":\"a\"\n{\"text\":\"fine\"}\n"
                                       "{\"text\":\"a\",\"text\":\"b\"}\n{\"text\":\"\\ud800\"}\n");
    expect_bad(reader, AKI_INVALID_ARGUMENT, "line 1: \"text\" is not a string");
    expect_bad(reader, AKI_INVALID_ARGUMENT, "line 2: has no field \"text\"");
    expect_bad(reader, AKI_INVALID_ARGUMENT, "line 3: not a JSON object");
    expect_bad(reader, AKI_INVALID_ARGUMENT, "line 4: not a JSON object");
    expect_bad(reader, AKI_EMPTY_TEXT, "line 5: the text is empty");
    text_record record;
    aki_error error;
    assert_int_equal(text_reader_next(reader, &record, &error), TEXT_BAD);
    assert_non_null(strstr(error.message, "line 6: not valid JSON at column 11"));
    expect_text(reader, "fine", NULL, 7);
    assert_int_equal(text_reader_next(reader, &record, &error), TEXT_BAD);
    assert_non_null(strstr(error.message, "line 8: not valid JSON"));
    assert_non_null(strstr(error.message, "duplicate"));
    assert_int_equal(text_reader_next(reader, &record, &error), TEXT_BAD);
    assert_non_null(strstr(error.message, "line 9: not valid JSON"));
    expect_end(reader);
    text_reader_settings settings = settings_for(TEXT_JSONL);
    settings.field = "body";
    reader = OPEN(settings, "{\"text\":\"no\",\"body\":\"yes\"}\n");
    expect_text(reader, "yes", NULL, 1);
    expect_end(reader);
}

static void test_csv_columns(void **state)
{
    (void)state;
    static const char data[] =
        "\xEF\xBB\xBFid,text,2\r\n1,\"a, b\",x\r\n2,\"two\r\nlines\",y\r\n\r\n3,c,z\r\n";
    text_reader *reader = OPEN(settings_for(TEXT_CSV), data);
    expect_text(reader, "a, b", NULL, 2);
    expect_text(reader, "two\r\nlines", NULL, 3);
    expect_text(reader, "c", NULL, 6);
    expect_end(reader);
    text_reader_settings settings = settings_for(TEXT_CSV);
    settings.csv.column = "id";
    reader = OPEN(settings, data);
    expect_text(reader, "1", NULL, 2);
    text_reader_close(reader);
    settings.csv.column = "3";
    reader = OPEN(settings, data);
    expect_text(reader, "x", NULL, 2);
    text_reader_close(reader);
    settings.csv.column = "2"; /* a name wins over a number */
    reader = OPEN(settings, data);
    expect_text(reader, "x", NULL, 2);
    text_reader_close(reader);
    settings.csv.header = false;
    settings.csv.column = "1";
    reader = OPEN(settings, data);
    expect_text(reader, "id", NULL, 1);
    text_reader_close(reader);
    reader = OPEN(settings_for(TEXT_CSV), "whatever\nonly column\n");
    expect_text(reader, "only column", NULL, 2);
    expect_end(reader);
}

static void expect_refusal(text_reader_settings settings, const char *data, const char *message)
{
    text_reader *reader;
    aki_error error;
    unit_write_file(path, data, strlen(data));
    assert_int_equal(text_reader_open(&reader, &settings, &error), AKI_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, message));
    assert_null(reader);
}

static void test_csv_header_mistakes(void **state)
{
    (void)state;
    text_reader_settings settings = settings_for(TEXT_CSV);
    expect_refusal(settings, "id,title\n1,a\n", "no column 'text'; the columns are 1 id, 2 title");
    expect_refusal(settings, "", "is empty");
    settings.csv.column = "3";
    expect_refusal(settings, "id,title\n1,a\n", "no column '3'");
    settings.csv.column = "0";
    expect_refusal(settings, "id,title\n1,a\n", "no column '0'");
    settings.csv.header = false;
    settings.csv.column = "title";
    expect_refusal(settings, "1,a\n", "without a header row --column must be a number");
}

static void test_csv_row_mistakes(void **state)
{
    (void)state;
    text_reader *reader = OPEN(settings_for(TEXT_CSV),
                               "id,text\n1\n2,\"a\"b\n3,ok\n4,\n5,\xFF\n6,\"never closed\nto the end\n");
    expect_bad(reader, AKI_INVALID_ARGUMENT, "line 2: has 1 column, the text is in column 2");
    expect_bad(reader, AKI_INVALID_ARGUMENT, "line 3: text behind a closing quote");
    expect_text(reader, "ok", NULL, 4);
    expect_bad(reader, AKI_EMPTY_TEXT, "line 5: the text is empty");
    expect_bad(reader, AKI_INVALID_UTF8, "line 6: byte 1 of the text (0xFF) is not valid UTF-8");
    text_record record;
    aki_error error;
    assert_int_equal(text_reader_next(reader, &record, &error), TEXT_FAILED);
    assert_non_null(strstr(error.message, "line 7: the quote opened in this row is never closed"));
    text_reader_close(reader);
    text_reader_settings settings = settings_for(TEXT_CSV);
    settings.max_line_bytes = 12;
    reader = OPEN(settings, "id,text\n1,\"abc\ndefgh\nijklm\nnopqr\n");
    assert_int_equal(text_reader_next(reader, &record, &error), TEXT_FAILED);
    assert_non_null(strstr(error.message, "line 2: the row that begins here is longer than the 12 bytes"));
    text_reader_close(reader);
}

/* Reading again from the position behind any record gives the records that follow. */
static void test_positions_are_places_to_go_on(void **state)
{
    (void)state;
    static const char data[] = "text\n\"a\n\"\nb\n\n\"c\"\"\"\nd";
    static const char *const texts[] = {"a\n", "b", "c\"", "d"};
    static const uint64_t lines[] = {2, 4, 6, 7};
    for (size_t done = 0; done <= 4; done++) {
        text_reader *first = OPEN(settings_for(TEXT_CSV), data);
        for (size_t i = 0; i < done; i++)
            expect_text(first, texts[i], NULL, lines[i]);
        line_position position = text_reader_position(first);
        text_reader_close(first);
        text_reader *second = OPEN(settings_for(TEXT_CSV), data);
        assert_int_equal(text_reader_seek(second, position, NULL), AKI_OK);
        for (size_t i = done; i < 4; i++)
            expect_text(second, texts[i], NULL, lines[i]);
        expect_end(second);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_jsonl),
        cmocka_unit_test(test_jsonl_mistakes),
        cmocka_unit_test(test_csv_columns),
        cmocka_unit_test(test_csv_header_mistakes),
        cmocka_unit_test(test_csv_row_mistakes),
        cmocka_unit_test(test_positions_are_places_to_go_on),
    };
    return cmocka_run_group_tests(tests, open_folder, remove_folder);
}
