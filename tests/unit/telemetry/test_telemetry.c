#include "unit.h"

#include "telemetry/metrics_text.h"
#include "telemetry/telemetry.h"

static const char *disabled(void *cookie, const char *name)
{
    (void)cookie;
    return strcmp(name, "OTEL_SDK_DISABLED") == 0 ? "true" : NULL;
}

/* Nobody listens at port 1 of this machine. */
static const char *on(void *cookie, const char *name)
{
    (void)cookie;
    if (strcmp(name, "OTEL_METRICS_EXPORTER") == 0)
        return "otlp";
    if (strcmp(name, "OTEL_PROPAGATORS") == 0)
        return "baggage";
    if (strcmp(name, "OTEL_METRICS_EXEMPLAR_FILTER") == 0)
        return "always_off";
    return strcmp(name, "OTEL_EXPORTER_OTLP_ENDPOINT") == 0 ? "http://127.0.0.1:1" : NULL;
}

static telemetry *open_with(otel_get get)
{
    telemetry *t;
    const telemetry_settings settings = {.get = get, .trust_parent = true};
    assert_int_equal(telemetry_open(&t, &settings, NULL), AKI_OK);
    return t;
}

static metrics *open_registry(void)
{
    metrics *registry;
    const char *const model = "m", *const code = "c";
    const metric_names domains[METRIC_DOMAINS] = {{&model, 1}, {&code, 1}};
    assert_int_equal(metrics_open(&registry, domains, NULL), AKI_OK);
    return registry;
}

static void is_nothing_when_disabled(void **state)
{
    (void)state;
    metrics *registry = open_registry();
    telemetry *t = open_with(disabled);
    assert_null(telemetry_tracer(t));
    assert_true(telemetry_joins_traces(t) && telemetry_keeps_exemplars(t));
    assert_int_equal(telemetry_watch(t, registry, NULL), AKI_OK);
    telemetry_finish(t, 0);
    telemetry_close(t);
    metrics_close(registry);
    telemetry_finish(NULL, 0);
    telemetry_close(NULL);
}

static void tells_what_became_of_spans(void **state)
{
    (void)state;
    metrics *registry = open_registry();
    telemetry *t = open_with(on);
    assert_non_null(telemetry_tracer(t));
    assert_false(telemetry_joins_traces(t) || telemetry_keeps_exemplars(t));
    assert_int_equal(telemetry_watch(t, registry, NULL), AKI_OK);
    tracer_emit(telemetry_tracer(t), &(span){.name = "s"});
    telemetry_finish(t, 10000);
    buf text;
    buf_init(&text, 1 << 20);
    assert_true(metrics_write(registry, METRICS_PROMETHEUS, &text));
    assert_non_null(strstr(text.data, "akidb_embed_spans_exported_total 0\n"));
    assert_non_null(strstr(text.data, "akidb_embed_spans_dropped_total{reason=\"export_failed\"} 1\n"));
    assert_non_null(strstr(text.data, "akidb_embed_spans_dropped_total{reason=\"queue_full\"} 0\n"));
    buf_free(&text);
    metrics_close(registry);
    telemetry_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_nothing_when_disabled),
        cmocka_unit_test(tells_what_became_of_spans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
