/* Every OTEL_* variable: empty, bad, and for one signal alone. */
#include "unit.h"

#include "telemetry/otel_settings.h"

typedef struct variable {
    const char *name, *value;
} variable;

typedef struct environment {
    const variable *set; /* ends with a NULL name */
    size_t warnings;
    char last_warning[400];
} environment;

static const char *get(void *cookie, const char *name)
{
    const environment *e = cookie;
    for (const variable *v = e->set; v->name != NULL; v++)
        if (strcmp(v->name, name) == 0)
            return v->value;
    return NULL;
}

static void warn(void *cookie, aki_log_level level, const char *target, const char *message)
{
    environment *e = cookie;
    (void)target;
    assert_int_equal(level, AKI_LOG_WARN);
    e->warnings++;
    snprintf(e->last_warning, sizeof e->last_warning, "%s", message);
}

static size_t read_all(const variable *set, otel_values *values)
{
    environment e = {.set = set};
    const log_sink log = {warn, &e};
    assert_int_equal(otel_values_read(values, get, &e, &log, NULL), AKI_OK);
    return e.warnings;
}

#define READ(values, ...) read_all((const variable[]){__VA_ARGS__, {NULL, NULL}}, values)

static void there_are_enough_of_them(void **state)
{
    (void)state;
    assert_true(OTEL_TOTAL >= 40);
    for (size_t i = 0; i < OTEL_TOTAL; i++)
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(otel_table[i].name, otel_table[j].name);
}

static bool same(const otel_value *a, const otel_value *b)
{
    return a->number == b->number && a->ratio == b->ratio && a->text == NULL && b->text == NULL;
}

/* Each of them alone: nothing, blanks, and nonsense are as if it were unset; nonsense is warned of once. */
static void empty_is_unset_and_bad_is_warned_of(void **state)
{
    (void)state;
    otel_values standard, read;
    assert_int_equal(READ(&standard, {"X", "x"}), 0);
    for (size_t i = 0; i < OTEL_TOTAL; i++) {
        const otel_row *row = &otel_table[i];
        assert_int_equal(READ(&read, {row->name, ""}), 0);
        assert_true(same(&read.of[i], &standard.of[i]));
        otel_values_free(&read);
        assert_int_equal(READ(&read, {row->name, " \t"}), 0);
        assert_true(same(&read.of[i], &standard.of[i]));
        otel_values_free(&read);
        const char *bad = row->type == OTEL_TYPE_NUMBER ? "12x" : "no such thing";
        const bool any = row->type == OTEL_TYPE_TEXT;
        assert_int_equal(READ(&read, {row->name, bad}), any ? 0 : 1);
        if (!any)
            assert_true(same(&read.of[i], &standard.of[i]));
        otel_values_free(&read);
    }
    otel_values_free(&standard);
}

static void numbers_have_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < OTEL_TOTAL; i++) {
        const otel_row *row = &otel_table[i];
        char text[40];
        otel_values read;
        if (row->type != OTEL_TYPE_NUMBER)
            continue;
        for (int edge = 0; edge < 4; edge++) {
            const int64_t value = edge < 2 ? row->minimum - 1 + edge : row->maximum - 2 + edge;
            const bool good = edge == 1 || edge == 2;
            snprintf(text, sizeof text, "%lld", (long long)value);
            assert_int_equal(READ(&read, {row->name, text}), !good);
            if (good)
                assert_int_equal(read.of[i].number, value);
            otel_values_free(&read);
        }
    }
}

static void every_choice_is_taken_in_any_case(void **state)
{
    (void)state;
    for (size_t i = 0; i < OTEL_TOTAL; i++) {
        const otel_row *row = &otel_table[i];
        if (row->type != OTEL_TYPE_CHOICE)
            continue;
        int64_t index = 0;
        for (const char *c = row->choices; *c != '\0'; index++) {
            char text[60];
            otel_values read;
            const size_t length = strcspn(c, "|");
            snprintf(text, sizeof text, " %.*s ", (int)length, c);
            text[1] = (char)(text[1] & ~0x20);
            assert_int_equal(READ(&read, {row->name, text}), 0);
            assert_int_equal(read.of[i].number, index);
            otel_values_free(&read);
            c += length + (c[length] == '|');
        }
    }
}

static void secrets_are_not_logged(void **state)
{
    (void)state;
    environment e = {.set = (const variable[]){{"OTEL_EXPORTER_OTLP_HEADERS", "password"}, {NULL, NULL}}};
    const log_sink log = {warn, &e};
    otel_values values;
    assert_int_equal(otel_values_read(&values, get, &e, &log, NULL), AKI_OK);
    assert_null(strstr(e.last_warning, "password"));
    assert_non_null(strstr(e.last_warning, "OTEL_EXPORTER_OTLP_HEADERS"));
    otel_values_free(&values);
}

static void signals_are_on_and_off(void **state)
{
    (void)state;
    static const struct {
        variable set[3];
        bool traces, metrics;
    } rows[] = {
        {{{NULL, NULL}}, true, false},
        {{{"OTEL_SDK_DISABLED", "TRUE"}}, false, false},
        {{{"OTEL_SDK_DISABLED", "1"}}, true, false},
        {{{"OTEL_TRACES_EXPORTER", "none"}}, false, false},
        {{{"OTEL_METRICS_EXPORTER", "otlp"}}, true, true},
        {{{"OTEL_METRICS_EXPORTER", "otlp"}, {"OTEL_SDK_DISABLED", "true"}}, false, false},
        {{{"OTEL_METRICS_EXPORTER", "prometheus"}}, true, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        otel_values values;
        read_all(rows[i].set, &values);
        assert_int_equal(otel_traces_on(&values), rows[i].traces);
        assert_int_equal(otel_metrics_on(&values), rows[i].metrics);
        otel_values_free(&values);
    }
}

static void propagators_are_a_set(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool traces;
    } rows[] = {{"", true},   {"tracecontext", true},          {"baggage", false},       {"none", false},
                {"b3", true}, {"baggage, tracecontext", true}, {"tracecontext,b3", true}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        otel_values values;
        READ(&values, {"OTEL_PROPAGATORS", rows[i].text});
        assert_int_equal(otel_joins_traces(&values), rows[i].traces);
        otel_values_free(&values);
    }
}

#define E "OTEL_EXPORTER_OTLP_"
#define TRACE_CALL "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
#define METRIC_CALL "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"

static void endpoints_become_urls(void **state)
{
    (void)state;
    static const struct {
        variable set[4];
        const char *traces, *metrics; /* NULL = refused */
    } rows[] = {
        {{{NULL, NULL}}, "http://localhost:4317" TRACE_CALL, "http://localhost:4317" METRIC_CALL},
        {{{E "PROTOCOL", "http/protobuf"}},
         "http://localhost:4318/v1/traces",
         "http://localhost:4318/v1/metrics"},
        {{{E "ENDPOINT", "http://c:4318"}}, "http://c:4318/v1/traces", "http://c:4318/v1/metrics"},
        {{{E "ENDPOINT", "http://c:4318"}, {E "PROTOCOL", "grpc"}},
         "http://c:4318" TRACE_CALL,
         "http://c:4318" METRIC_CALL},
        {{{E "ENDPOINT", "https://c/base/"}, {E "PROTOCOL", "http/protobuf"}},
         "https://c/base/v1/traces",
         "https://c/base/v1/metrics"},
        {{{E "ENDPOINT", "https://c/base"}, {E "PROTOCOL", "http/protobuf"}},
         "https://c/base/v1/traces",
         "https://c/base/v1/metrics"},
        {{{E "TRACES_ENDPOINT", "http://c/x"}, {E "PROTOCOL", "http/protobuf"}},
         "http://c/x",
         "http://localhost:4318/v1/metrics"},
        {{{E "TRACES_ENDPOINT", "http://c"},
          {E "METRICS_ENDPOINT", "http://d/"},
          {E "PROTOCOL", "http/protobuf"}},
         "http://c",
         "http://d/"},
        {{{E "ENDPOINT", "http://c:9"}, {E "METRICS_PROTOCOL", "http/protobuf"}},
         "http://c:9" TRACE_CALL,
         "http://c:9/v1/metrics"},
        {{{E "ENDPOINT", "http://c:9/path?q"}}, "http://c:9" TRACE_CALL, "http://c:9" METRIC_CALL},
        {{{E "ENDPOINT", "c:9"}}, "https://c:9" TRACE_CALL, "https://c:9" METRIC_CALL},
        {{{E "ENDPOINT", "c:9"}, {E "INSECURE", "true"}}, "http://c:9" TRACE_CALL, "http://c:9" METRIC_CALL},
        {{{E "ENDPOINT", "c:9"}, {E "TRACES_INSECURE", "true"}},
         "http://c:9" TRACE_CALL,
         "https://c:9" METRIC_CALL},
        {{{E "ENDPOINT", "c:9"}, {E "PROTOCOL", "http/protobuf"}}, NULL, NULL},
        {{{E "ENDPOINT", "http://[::1]:4318"}},
         "http://[::1]:4318/v1/traces",
         "http://[::1]:4318/v1/metrics"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        otel_values values;
        read_all(rows[i].set, &values);
        for (otlp_signal signal = OTLP_TRACES; signal < OTLP_SIGNALS; signal++) {
            const char *url = signal == OTLP_TRACES ? rows[i].traces : rows[i].metrics;
            otlp_target target;
            aki_error error;
            const aki_status status = otel_target(&values, signal, &target, &error);
            assert_int_equal(status, url != NULL ? AKI_OK : AKI_INVALID_ARGUMENT);
            if (url != NULL)
                assert_string_equal(target.url, url);
            otlp_target_free(&target);
        }
        otel_values_free(&values);
    }
}

static void one_signal_wins_over_all(void **state)
{
    (void)state;
    otel_values values;
    otlp_target traces, metrics;
    READ(&values, {E "TIMEOUT", "1"}, {E "TRACES_TIMEOUT", "2"}, {E "COMPRESSION", "gzip"},
         {E "TRACES_COMPRESSION", "none"}, {E "HEADERS", "a=1"}, {E "TRACES_HEADERS", "b=2,c=3"},
         {E "CERTIFICATE", "all.pem"}, {E "TRACES_CERTIFICATE", "t.pem"}, {E "CLIENT_CERTIFICATE", "c.pem"},
         {E "TRACES_CLIENT_CERTIFICATE", "tc.pem"}, {E "CLIENT_KEY", "k.pem"},
         {E "TRACES_CLIENT_KEY", "tk.pem"}, {E "METRICS_TIMEOUT", "never"});
    assert_int_equal(otel_target(&values, OTLP_TRACES, &traces, NULL), AKI_OK);
    assert_int_equal(otel_target(&values, OTLP_METRICS, &metrics, NULL), AKI_OK);
    assert_int_equal(traces.timeout_ms, 2);
    assert_int_equal(metrics.timeout_ms, 1); /* a bad one counts as unset */
    assert_false(traces.gzip);
    assert_true(metrics.gzip);
    assert_int_equal(traces.headers.count, 2);
    assert_string_equal(traces.headers.items[1].name, "c");
    assert_string_equal(metrics.headers.items[0].name, "a");
    assert_string_equal(traces.certificate, "t.pem");
    assert_string_equal(metrics.certificate, "all.pem");
    assert_string_equal(traces.client_certificate, "tc.pem");
    assert_string_equal(metrics.client_certificate, "c.pem");
    assert_string_equal(traces.client_key, "tk.pem");
    assert_string_equal(metrics.client_key, "k.pem");
    assert_true(traces.by_default);
    otlp_target_free(&traces);
    otlp_target_free(&metrics);
    otlp_target_free(NULL);
    otel_values_free(&values);
}

static void tracers_are_set_up(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool parent_based;
        uint64_t threshold;
    } samplers[] = {{"", true, UINT64_C(1) << 63},
                    {"always_on", false, UINT64_C(1) << 63},
                    {"always_off", false, 0},
                    {"traceidratio", false, UINT64_C(1) << 61},
                    {"parentbased_always_on", true, UINT64_C(1) << 63},
                    {"parentbased_always_off", true, 0},
                    {"parentbased_traceidratio", true, UINT64_C(1) << 61},
                    {"jaeger_remote", true, UINT64_C(1) << 63}};
    otel_values values;
    tracer_settings settings;
    for (size_t i = 0; i < sizeof samplers / sizeof *samplers; i++) {
        READ(&values, {"OTEL_TRACES_SAMPLER", samplers[i].name}, {"OTEL_TRACES_SAMPLER_ARG", "0.25"});
        otel_tracer_settings(&values, &settings);
        assert_int_equal(settings.sampler.parent_based, samplers[i].parent_based);
        assert_true(settings.sampler.threshold == samplers[i].threshold);
        assert_int_equal(settings.queue_spans, 2048);
        assert_int_equal(settings.batch_spans, 512);
        assert_int_equal(settings.delay_ms, 5000);
        assert_int_equal(settings.export_timeout_ms, 30000);
        otel_values_free(&values);
    }
    READ(&values, {"OTEL_BSP_MAX_QUEUE_SIZE", "7"}, {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "3"},
         {"OTEL_BSP_SCHEDULE_DELAY", "9"}, {"OTEL_BSP_EXPORT_TIMEOUT", "8"},
         {"OTEL_ATTRIBUTE_COUNT_LIMIT", "4"}, {"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "5"},
         {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "6"});
    otel_tracer_settings(&values, &settings);
    assert_int_equal(settings.queue_spans, 7);
    assert_int_equal(settings.batch_spans, 3);
    assert_int_equal(settings.delay_ms, 9);
    assert_int_equal(settings.export_timeout_ms, 8);
    assert_int_equal(settings.max_attributes, 4);
    assert_int_equal(settings.max_text, 5);
    otel_values_free(&values);
}

static void resources_know_their_service(void **state)
{
    (void)state;
    static const struct {
        const char *name, *attributes, *service, *zone;
    } rows[] = {{"", "", "akidb-rest", NULL},
                {"mine", "", "mine", NULL},
                {"", "service.name=theirs,zone=b%20c", "theirs", "b c"},
                {"mine", "service.name=theirs,zone=d", "mine", "d"},
                {"", "service.name", "akidb-rest", NULL}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        otel_values values;
        resource r;
        READ(&values, {"OTEL_SERVICE_NAME", rows[i].name}, {"OTEL_RESOURCE_ATTRIBUTES", rows[i].attributes});
        assert_true(otel_resource(&values, &r));
        assert_string_equal(resource_text(&r, "service.name"), rows[i].service);
        assert_string_equal(resource_text(&r, "service.version"), AKI_VERSION);
        assert_int_equal(strlen(resource_text(&r, "service.instance.id")), 36);
        assert_null(resource_text(&r, "process.pid")); /* a number */
        if (rows[i].zone == NULL)
            assert_null(resource_text(&r, "zone"));
        else
            assert_string_equal(resource_text(&r, "zone"), rows[i].zone);
        resource_free(&r);
        otel_values_free(&values);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_are_enough_of_them),     cmocka_unit_test(empty_is_unset_and_bad_is_warned_of),
        cmocka_unit_test(numbers_have_bounds),          cmocka_unit_test(every_choice_is_taken_in_any_case),
        cmocka_unit_test(secrets_are_not_logged),       cmocka_unit_test(signals_are_on_and_off),
        cmocka_unit_test(propagators_are_a_set),        cmocka_unit_test(endpoints_become_urls),
        cmocka_unit_test(one_signal_wins_over_all),     cmocka_unit_test(tracers_are_set_up),
        cmocka_unit_test(resources_know_their_service),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
