/* What becomes of spans at collectors that take all, take some, refuse or are not there. */
#include "collector.h"

#include "base/clock.h"
#include "telemetry/otlp.pb-c.h"
#include "telemetry/telemetry.h"

typedef struct fixture {
    otlp_target target;
    otlp_exporter *exporter;
    span_exporter calls;
} fixture;

static char warned[600];

static void note(void *cookie, aki_log_level level, const char *target, const char *message)
{
    (void)cookie;
    (void)target;
    if (level == AKI_LOG_WARN)
        snprintf(warned, sizeof warned, "%s", message);
}

static const resource from;

static void open_fixture(fixture *f, const collector *c)
{
    otlp_sender_settings settings;
    aki_error error;
    *f = (fixture){.target = {.endpoint = (char *)c->url, .url = (char *)c->url, .timeout_ms = 60000}};
    otlp_sender_settings_init(&settings);
    settings.target = &f->target;
    settings.noun = "things";
    settings.log = (log_sink){note, NULL};
    warned[0] = '\0';
    assert_int_equal(otlp_exporter_open(&f->exporter, &settings, &from, &error), AKI_OK);
    f->calls = otlp_exporter_of(f->exporter);
}

static export_result export_three(fixture *f, int64_t patience_ms)
{
    static const span a = {.name = "a"}, b = {.name = "b"}, c = {.name = "c"}, *const spans[] = {&a, &b, &c};
    return f->calls.export(f->calls.cookie, spans, 3, 0, clock_monotonic_ns() + patience_ms * NS_PER_MS);
}

static void assert_result(export_result got, size_t exported, size_t rejected, size_t failed)
{
    assert_int_equal(got.exported, exported);
    assert_int_equal(got.rejected, rejected);
    assert_int_equal(got.failed, failed);
}

static void spans_arrive_once_in_each_message(void **state)
{
    (void)state;
    collector c;
    fixture f;
    collector_open(&c, COLLECTOR_TAKES_ALL);
    open_fixture(&f, &c);
    for (unsigned i = 0; i < 2; i++) { /* the second message has nothing of the first */
        assert_result(export_three(&f, 60000), 3, 0, 0);
        collector_wait(&c, i + 1);
        Otlp__ExportTraceServiceRequest *read =
            otlp__export_trace_service_request__unpack(NULL, c.body.length, (const uint8_t *)c.body.data);
        assert_non_null(read);
        assert_int_equal(read->n_resource_spans, 1);
        assert_int_equal(read->resource_spans[0]->scope_spans[0]->n_spans, 3);
        otlp__export_trace_service_request__free_unpacked(read, NULL);
    }
    otlp_exporter_close(f.exporter);
    collector_close(&c);
}

static void what_is_rejected_is_counted_and_never_more_than_was_sent(void **state)
{
    (void)state;
    static const struct {
        const char *partial; /* partial_success { rejected } */
        size_t rejected;
    } rows[] = {{"\x0a\x02\x08\x02", 2}, {"\x0a\x02\x08\x7f", 3}};
    for (size_t i = 0; i < 2; i++) {
        char answer[200];
        collector c;
        fixture f;
        snprintf(answer, sizeof answer,
                 "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 4\r\n\r\n%s",
                 rows[i].partial);
        collector_open(&c, answer);
        open_fixture(&f, &c);
        assert_result(export_three(&f, 60000), 3 - rows[i].rejected, rows[i].rejected, 0);
        assert_non_null(strstr(warned, " spans:")); /* the noun is the exporter's */
        otlp_exporter_close(f.exporter);
        collector_close(&c);
    }
}

static void what_is_refused_has_failed(void **state)
{
    (void)state;
    collector c;
    fixture f;
    collector_open(&c, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    open_fixture(&f, &c);
    assert_result(export_three(&f, 60000), 0, 0, 3);
    assert_non_null(strstr(warned, "cannot export spans to "));
    otlp_exporter_close(f.exporter);
    collector_close(&c);
    assert_int_equal(c.requests, 1);
}

static void what_nobody_takes_in_time_has_failed(void **state)
{
    (void)state;
    collector gone;
    fixture f;
    collector_listen(&gone);
    close(gone.listening);
    open_fixture(&f, &gone);
    assert_result(export_three(&f, 5), 0, 0, 3);
    otlp_exporter_close(f.exporter);
}

static void in_a_hurry_a_dead_collector_is_not_waited_for(void **state)
{
    (void)state;
    collector gone;
    fixture f;
    collector_listen(&gone);
    close(gone.listening);
    open_fixture(&f, &gone);
    f.calls.hurry(f.calls.cookie, INT64_MAX);
    assert_result(export_three(&f, 24 * 3600 * INT64_C(1000)), 0, 0, 3); /* returns at all */
    otlp_exporter_close(f.exporter);
}

static void opening_fails_with_its_sender(void **state)
{
    (void)state;
    static char value[10000];
    memset(value, 'v', sizeof value - 1);
    name_value too_long = {(char *)"x-long", value};
    otlp_target target = {.endpoint = value, .url = value, .headers = {&too_long, 1}};
    otlp_sender_settings settings;
    otlp_exporter *exporter;
    aki_error error;
    otlp_sender_settings_init(&settings);
    settings.target = &target;
    assert_int_not_equal(otlp_exporter_open(&exporter, &settings, &from, &error), AKI_OK);
    assert_null(exporter);
    otlp_exporter_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_arrive_once_in_each_message),
        cmocka_unit_test(what_is_rejected_is_counted_and_never_more_than_was_sent),
        cmocka_unit_test(what_is_refused_has_failed),
        cmocka_unit_test(what_nobody_takes_in_time_has_failed),
        cmocka_unit_test(in_a_hurry_a_dead_collector_is_not_waited_for),
        cmocka_unit_test(opening_fails_with_its_sender),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
