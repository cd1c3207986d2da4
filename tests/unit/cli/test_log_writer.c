#include "unit.h"

#include "base/utf8.h"
#include "cli/log_writer.h"

#include <jansson.h>
#include <pthread.h>

#define JAN_2026_NS INT64_C(1767225600123456789)

static void test_json_line(void **state)
{
    (void)state;
    buf out;
    buf_init(&out, 1 << 16);
    log_line_json(&out, JAN_2026_NS, AKI_LOG_WARN, "hub", "say \"hi\"\n\tC:\\x");
    assert_string_equal(
        out.data, "{\"timestamp\":\"2026-01-01T00:00:00.123456Z\",\"level\":\"WARN\",\"target\":\"hub\","
                  "\"fields\":{\"message\":\"say \\\"hi\\\"\\u000a\\u0009C:\\\\x\"}}\n");
    buf_free(&out);
}

static void test_text_line(void **state)
{
    (void)state;
    buf out;
    buf_init(&out, 1 << 16);
    log_line_text(&out, JAN_2026_NS, AKI_LOG_INFO, "serve", "two\nlines \"as they are\" \x1b[31m");
    assert_string_equal(out.data,
                        "2026-01-01T00:00:00.123456Z INFO  serve: two\\x0alines \"as they are\" \\x1b[31m\n");
    buf_free(&out);
}

/* Every pair of bytes gives valid UTF-8 in both forms, and JSON that a parser reads. */
static void test_any_bytes_give_a_valid_line(void **state)
{
    (void)state;
    buf out;
    buf_init(&out, 1 << 16);
    for (unsigned pair = 1; pair < 65536; pair++) {
        char text[4] = {(char)(pair >> 8), (char)pair, 'x', '\0'};
        buf_clear(&out);
        log_line_text(&out, 0, AKI_LOG_INFO, text, text);
        assert_true(utf8_valid(out.data, out.length, NULL));
        assert_ptr_equal(strchr(out.data, '\n'), out.data + out.length - 1);
        buf_clear(&out);
        log_line_json(&out, 0, AKI_LOG_INFO, text, text);
        assert_true(utf8_valid(out.data, out.length, NULL));
        assert_ptr_equal(strchr(out.data, '\n'), out.data + out.length - 1);
        json_t *parsed = json_loadb(out.data, out.length, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(parsed);
        json_decref(parsed);
    }
    buf_free(&out);
}

static void *log_many(void *cookie)
{
    const log_sink *sink = cookie;
    for (int i = 0; i < 500; i++)
        log_write(sink, AKI_LOG_INFO, "test", "line of %d bytes: %0200d", 200, i);
    return NULL;
}

static void test_lines_of_threads_do_not_mix(void **state)
{
    (void)state;
    char folder[200], path[240], line[2000];
    unit_temporary_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/log", folder);
    FILE *file = fopen(path, "w+");
    assert_non_null(file);
    log_filter filter;
    assert_true(log_filter_parse(&filter, "info"));
    log_writer *writer = log_writer_open(fileno(file), LOG_FORMAT_JSON, &filter);
    assert_non_null(writer);
    log_sink sink = log_writer_sink(writer);
    pthread_t threads[2];
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_many, &sink), 0);
    log_write(&sink, AKI_LOG_DEBUG, "test", "filtered out");
    for (size_t i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    log_writer_close(writer);
    rewind(file);
    int lines = 0;
    for (; fgets(line, sizeof line, file) != NULL; lines++) {
        json_t *parsed = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(parsed);
        assert_string_equal(json_string_value(json_object_get(parsed, "level")), "INFO");
        json_decref(parsed);
    }
    assert_int_equal(lines, 1000);
    fclose(file);
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_line),
        cmocka_unit_test(test_text_line),
        cmocka_unit_test(test_any_bytes_give_a_valid_line),
        cmocka_unit_test(test_lines_of_threads_do_not_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
