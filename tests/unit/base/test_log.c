#include "unit.h"

#include "base/log.h"

static struct {
    unsigned lines, events;
    aki_log_level level;
    char target[20], message[2000];
    const log_event *event;
} got;

static int forget(void **state)
{
    (void)state;
    memset(&got, 0, sizeof got);
    return 0;
}

static void write_line(void *cookie, aki_log_level level, const char *target, const char *message)
{
    assert_ptr_equal(cookie, &got);
    got.lines++;
    got.level = level;
    snprintf(got.target, sizeof got.target, "%s", target);
    snprintf(got.message, sizeof got.message, "%s", message);
}

static void take_event(void *cookie, const log_event *event)
{
    assert_ptr_equal(cookie, &got);
    got.events++;
    got.event = event;
}

static bool wants_warnings(void *cookie, aki_log_level level, const char *target)
{
    assert_ptr_equal(cookie, &got);
    return level >= AKI_LOG_WARN && strcmp(target, "noise") != 0;
}

static const log_event event = {.level = AKI_LOG_WARN, .target = "t", .message = "100 % as it is"};

static void without_a_sink_nothing_happens(void **state)
{
    (void)state;
    const log_sink silent = {0}, only_events = {.emit = take_event};
    const log_sink *const sinks[] = {NULL, &silent, &only_events};
    for (size_t i = 0; i < 3; i++) {
        assert_false(log_wants(sinks[i], AKI_LOG_ERROR, "t"));
        log_write(sinks[i], AKI_LOG_ERROR, "t", "%d", 1);
        log_emit(sinks[i], &event);
    }
    assert_int_equal(got.lines + got.events, 0);
}

static void a_sink_is_asked_what_it_wants(void **state)
{
    (void)state;
    const log_sink sink = {.write = write_line, .cookie = &got, .wants = wants_warnings};
    log_write(&sink, AKI_LOG_INFO, "t", "no");
    log_write(&sink, AKI_LOG_ERROR, "noise", "no");
    assert_int_equal(got.lines, 0);
    log_write(&sink, AKI_LOG_ERROR, "t", "%s %d", "yes", 2);
    assert_int_equal(got.lines, 1);
    assert_int_equal(got.level, AKI_LOG_ERROR);
    assert_string_equal(got.target, "t");
    assert_string_equal(got.message, "yes 2");
}

static void an_event_goes_to_who_takes_events_else_its_message(void **state)
{
    (void)state;
    log_sink sink = {.write = write_line, .cookie = &got};
    log_emit(&sink, &event);
    assert_int_equal(got.lines, 1);
    assert_string_equal(got.message, "100 % as it is");
    sink.emit = take_event;
    log_emit(&sink, &event);
    assert_int_equal(got.lines, 1);
    assert_ptr_equal(got.event, &event);
    sink.wants = wants_warnings;
    const log_event quiet = {.level = AKI_LOG_DEBUG, .target = "t", .message = "no"};
    log_emit(&sink, &quiet);
    assert_int_equal(got.events, 1);
}

static void a_line_too_long_is_cut(void **state)
{
    (void)state;
    static char text[5000];
    const log_sink sink = {.write = write_line, .cookie = &got};
    memset(text, 'x', sizeof text - 1);
    log_write(&sink, AKI_LOG_INFO, "t", "%s", text);
    assert_int_equal(strlen(got.message), 999);
}

static void levels_have_names(void **state)
{
    (void)state;
    assert_string_equal(log_level_name(AKI_LOG_INFO), "INFO");
    assert_string_equal(log_level_name(AKI_LOG_ERROR), "ERROR");
    assert_string_equal(log_level_name((aki_log_level)99), "ERROR");
    assert_string_equal(log_level_name((aki_log_level)-1), "ERROR");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(without_a_sink_nothing_happens, forget),
        cmocka_unit_test_setup(a_sink_is_asked_what_it_wants, forget),
        cmocka_unit_test_setup(an_event_goes_to_who_takes_events_else_its_message, forget),
        cmocka_unit_test_setup(a_line_too_long_is_cut, forget),
        cmocka_unit_test(levels_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
