#include "unit.h"

#include "telemetry/log_repeats.h"
#include "telemetry/log_writer.h"

#include <jansson.h>
#include <pthread.h>

#define PATIENCE_MS 100000

/* A writer to a file, and what is in the file. */
typedef struct rig {
    char folder[200], path[240];
    FILE *file;
    log_writer *writer;
    log_sink sink;
} rig;

static void open_rig(rig *r, const char *filter_text, log_format format)
{
    log_filter filter;
    unit_temporary_folder(r->folder, sizeof r->folder);
    snprintf(r->path, sizeof r->path, "%s/log", r->folder);
    r->file = fopen(r->path, "w+");
    assert_non_null(r->file);
    assert_true(log_filter_parse(&filter, filter_text));
    r->writer = log_writer_open(fileno(r->file), format, &filter);
    assert_non_null(r->writer);
    r->sink = log_writer_sink(r->writer);
}

static void close_rig(rig *r)
{
    log_writer_close(r->writer);
    fclose(r->file);
    unlink(r->path);
    rmdir(r->folder);
}

/* The next JSON line, or NULL; after log_writer_flush. */
static json_t *next_line(rig *r)
{
    char line[4000];
    if (fgets(line, sizeof line, r->file) == NULL)
        return NULL;
    json_t *parsed = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(parsed);
    return parsed;
}

static void *log_many(void *cookie)
{
    const log_sink *sink = cookie;
    for (int i = 0; i < 500; i++)
        log_write(sink, AKI_LOG_DEBUG, "test", "line of %d bytes: %0200d", 200, i);
    return NULL;
}

static void lines_of_threads_do_not_mix(void **state)
{
    (void)state;
    rig r;
    open_rig(&r, "debug", LOG_FORMAT_JSON);
    pthread_t threads[2];
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_many, &r.sink), 0);
    log_write(&r.sink, AKI_LOG_TRACE, "test", "filtered out");
    for (size_t i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_true(log_writer_flush(r.writer, PATIENCE_MS));
    rewind(r.file);
    int lines = 0;
    for (json_t *line; (line = next_line(&r)) != NULL; lines++) {
        assert_string_equal(json_string_value(json_object_get(line, "level")), "DEBUG");
        json_decref(line);
    }
    assert_int_equal(lines, 1000);
    assert_int_equal(log_writer_dropped(r.writer), 0);
    close_rig(&r);
}

static void events_carry_their_fields(void **state)
{
    (void)state;
    rig r;
    open_rig(&r, "info", LOG_FORMAT_JSON);
    const log_field fields[] = {log_integer("status", 200)};
    log_emit(&r.sink, &(log_event){.level = AKI_LOG_INFO,
                                   .target = "access",
                                   .message = "m",
                                   .fields = fields,
                                   .fields_count = 1,
                                   .request_id = "r"});
    assert_false(log_wants(&r.sink, AKI_LOG_DEBUG, "access"));
    log_emit(&r.sink, &(log_event){.level = AKI_LOG_DEBUG, .target = "access", .message = "m"});
    assert_true(log_writer_flush(r.writer, PATIENCE_MS));
    rewind(r.file);
    json_t *line = next_line(&r);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(line, "fields"), "status")), 200);
    assert_string_equal(json_string_value(json_object_get(line, "request_id")), "r");
    json_decref(line);
    assert_null(next_line(&r));
    close_rig(&r);
}

/* A sink of the public callback alone takes the message of an event. */
static void on_line(void *cookie, aki_log_level level, const char *target, const char *message)
{
    assert_int_equal(level, AKI_LOG_WARN);
    assert_string_equal(target, "t");
    snprintf(cookie, 16, "%s", message);
}

static void sinks_without_events_get_the_message(void **state)
{
    (void)state;
    char got[16] = "";
    const log_sink sink = {.write = on_line, .cookie = got};
    log_emit(&sink, &(log_event){.level = AKI_LOG_WARN, .target = "t", .message = "event"});
    assert_string_equal(got, "event");
    log_emit(NULL, &(log_event){.level = AKI_LOG_WARN, .target = "t", .message = "to nobody"});
    log_emit(&(log_sink){0}, &(log_event){.level = AKI_LOG_WARN, .target = "t", .message = "to nobody"});
}

static void repeats_are_left_out_and_told(void **state)
{
    (void)state;
    rig r;
    open_rig(&r, "info", LOG_FORMAT_JSON);
    for (int i = 0; i < 3 * LOG_REPEATS_MAX; i++)
        log_write(&r.sink, AKI_LOG_WARN, "test", "attempt %d failed", i);
    log_writer_close(r.writer);
    r.writer = NULL;
    rewind(r.file);
    /* On a machine that is very slow the window may end, and a second one begin, in between. */
    json_int_t lines = 0, left_out = 0;
    for (json_t *line; (line = next_line(&r)) != NULL; json_decref(line)) {
        const json_t *count = json_object_get(json_object_get(line, "fields"), "left_out");
        assert_string_equal(json_string_value(json_object_get(line, "target")), "test");
        lines += count == NULL;
        left_out += json_integer_value(count);
    }
    assert_true(left_out > 0);
    assert_int_equal(lines + left_out, 3 * LOG_REPEATS_MAX);
    close_rig(&r);
}

static void the_level_cycles(void **state)
{
    (void)state;
    rig r;
    open_rig(&r, "error", LOG_FORMAT_JSON);
    static const struct {
        bool info, debug, trace;
    } expected[] = {{true, true, false}, {true, true, true}, {false, false, false}, {true, true, false}};
    for (size_t i = 0; i < 4; i++) {
        log_writer_cycle_level(r.writer);
        assert_int_equal(log_wants(&r.sink, AKI_LOG_INFO, "t"), expected[i].info);
        assert_int_equal(log_wants(&r.sink, AKI_LOG_DEBUG, "t"), expected[i].debug);
        assert_int_equal(log_wants(&r.sink, AKI_LOG_TRACE, "t"), expected[i].trace);
        assert_true(log_wants(&r.sink, AKI_LOG_ERROR, "t"));
    }
    assert_true(log_writer_flush(r.writer, PATIENCE_MS));
    rewind(r.file);
    static const char *const levels[] = {"DEBUG", "TRACE", "as configured", "DEBUG"};
    for (size_t i = 0; i < 4; i++) { /* said whatever the filter is */
        json_t *line = next_line(&r);
        const json_t *level = json_object_get(json_object_get(line, "fields"), "log_level");
        assert_string_equal(json_string_value(level), levels[i]);
        json_decref(line);
    }
    close_rig(&r);
}

static void text_is_for_people(void **state)
{
    (void)state;
    rig r;
    open_rig(&r, "info", LOG_FORMAT_TEXT);
    log_write(&r.sink, AKI_LOG_INFO, "serve", "%s", "hello");
    assert_true(log_writer_flush(r.writer, PATIENCE_MS));
    rewind(r.file);
    char line[200];
    assert_non_null(fgets(line, sizeof line, r.file));
    assert_non_null(strstr(line, " INFO  serve: hello\n"));
    close_rig(&r);
    log_writer_close(NULL);
    assert_int_equal(log_writer_dropped(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_threads_do_not_mix),
        cmocka_unit_test(events_carry_their_fields),
        cmocka_unit_test(sinks_without_events_get_the_message),
        cmocka_unit_test(repeats_are_left_out_and_told),
        cmocka_unit_test(the_level_cycles),
        cmocka_unit_test(text_is_for_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
