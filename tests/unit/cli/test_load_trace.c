/* The trace of loadings that went well, or failed at one stage or another, from times made by hand. */
#include "unit.h"

#include "cli/serve/model_loader.h"

#define MAX_SPANS 16

/* What was exported, in the order of emission. */
static struct {
    span spans[MAX_SPANS];
    char messages[MAX_SPANS][64]; /* "" = none */
    char attributes[MAX_SPANS][200];
    size_t count;
} got;

static export_result take(void *cookie, const span *const *spans, size_t count, int64_t wall_offset_ns,
                          int64_t deadline_ns)
{
    (void)cookie;
    (void)wall_offset_ns;
    (void)deadline_ns;
    for (size_t i = 0; i < count && got.count < MAX_SPANS; i++) {
        char *attributes = got.attributes[got.count];
        size_t used = 0;
        for (size_t a = 0; a < spans[i]->attribute_count; a++) {
            const span_attribute *row = &spans[i]->attributes[a];
            used += (size_t)(row->type == SPAN_INTEGER
                                 ? snprintf(attributes + used, sizeof got.attributes[0] - used, "%s=%lld ",
                                            row->key, (long long)row->integer)
                                 : snprintf(attributes + used, sizeof got.attributes[0] - used, "%s=%s ",
                                            row->key, row->text));
        }
        if (spans[i]->message != NULL)
            snprintf(got.messages[got.count], sizeof got.messages[0], "%s", spans[i]->message);
        got.spans[got.count++] = *spans[i];
    }
    return (export_result){.exported = count};
}

/* A stand-in: load_trace.c asks nothing else of an encoder. */
void encoder_describe(const encoder *enc, aki_model_info *info)
{
    (void)enc;
    *info = (aki_model_info){.cpu_tier = "avx2", .precision = AKI_PRECISION_BF16, .weight_bytes = 123};
}

static const char opened; /* where an encoder would be */
#define OPENED ((const encoder *)&opened)

static void emit(const load_trace *trace, const encoder *enc, const char *error, double share)
{
    tracer_settings settings;
    tracer *t = NULL;
    aki_error failure;
    memset(&got, 0, sizeof got);
    tracer_settings_init(&settings);
    settings.sampler = sampler_make(share, true);
    settings.exporter = (span_exporter){.export = take};
    assert_int_equal(tracer_open(&t, &settings, &failure), AKI_OK);
    load_trace_emit(trace, t, enc, error);
    tracer_close(t, 60000);
}

static const span *find(const char *name)
{
    for (size_t i = 0; i < got.count; i++)
        if (strcmp(got.spans[i].name, name) == 0)
            return &got.spans[i];
    return NULL;
}

static void assert_span(const char *name, int64_t start_ns, int64_t end_ns, const char *message)
{
    const span *s = find(name), *whole = find("model_load");
    if (s == NULL)
        fail_msg("no span %s", name);
    assert_int_equal(s->start_ns, start_ns);
    assert_int_equal(s->end_ns, end_ns);
    assert_int_equal(s->status, message != NULL ? SPAN_ERROR : SPAN_UNSET);
    assert_string_equal(got.messages[s - got.spans], message != NULL ? message : "");
    assert_memory_equal(s->trace_id, whole->trace_id, TRACE_ID_BYTES);
    if (s != whole)
        assert_memory_equal(s->parent_id, whole->span_id, SPAN_ID_BYTES);
}

static void assert_attributes(const char *name, const char *expected)
{
    assert_string_equal(got.attributes[find(name) - got.spans], expected);
}

static load_trace whole_trace(void)
{
    load_trace trace = {.model = "a/model", .start_ns = 10, .located_ns = 20, .opened_ns = 70, .end_ns = 100};
    for (int stage = 0; stage < ENCODER_STAGES; stage++) {
        trace.times.of[stage].from_ns = 20 + 10 * stage;
        trace.times.of[stage].to_ns = 30 + 10 * stage;
    }
    return trace;
}

static void every_stage_of_a_loading_has_a_span(void **state)
{
    (void)state;
    const load_trace trace = whole_trace();
    emit(&trace, OPENED, NULL, 1);
    assert_int_equal(got.count, 7);
    assert_span("model_load", 10, 100, NULL);
    assert_span("download_model", 10, 20, NULL);
    assert_span("load_config", 20, 30, NULL);
    assert_span("load_tokenizer", 30, 40, NULL);
    assert_span("select_device", 40, 50, NULL);
    assert_span("load_weights", 50, 60, NULL);
    assert_span("warm_up", 70, 100, NULL);
    assert_attributes("model_load", "akidb.model=a/model ");
    assert_attributes("select_device", "akidb.device=cpu akidb.cpu_tier=avx2 akidb.precision=bf16 ");
    assert_attributes("load_weights", "akidb.weights.bytes=123 ");
    assert_attributes("load_config", "");
}

static void a_model_that_is_not_found_ends_its_download(void **state)
{
    (void)state;
    const load_trace trace = {.model = "m", .start_ns = 10, .end_ns = 100};
    emit(&trace, NULL, "no such model", 1);
    assert_int_equal(got.count, 2);
    assert_span("model_load", 10, 100, "no such model");
    assert_span("download_model", 10, 100, "no such model");
}

static void the_stage_that_failed_has_the_error_and_later_ones_no_span(void **state)
{
    (void)state;
    static const char *const names[ENCODER_STAGES] = {"load_config", "load_tokenizer", "select_device",
                                                      "load_weights"};
    for (int failed = 0; failed < ENCODER_STAGES; failed++) {
        load_trace trace = whole_trace();
        trace.times.of[failed].to_ns = 0;
        for (int stage = failed + 1; stage < ENCODER_STAGES; stage++)
            trace.times.of[stage].from_ns = trace.times.of[stage].to_ns = 0;
        emit(&trace, NULL, "it broke", 1);
        assert_int_equal(got.count, 3 + failed);
        assert_span("model_load", 10, 100, "it broke");
        assert_span("download_model", 10, 20, NULL);
        for (int stage = 0; stage < failed; stage++)
            assert_span(names[stage], 20 + 10 * stage, 30 + 10 * stage, NULL);
        assert_span(names[failed], 20 + 10 * failed, 100, "it broke");
        assert_null(find("warm_up"));
    }
}

static void a_first_inference_that_fails_has_the_error(void **state)
{
    (void)state;
    const load_trace trace = whole_trace();
    emit(&trace, OPENED, "not finite", 1);
    assert_int_equal(got.count, 7);
    assert_span("warm_up", 70, 100, "not finite");
    assert_span("load_weights", 50, 60, NULL);
    assert_span("model_load", 10, 100, "not finite");
}

static void nothing_is_emitted_when_nobody_samples(void **state)
{
    (void)state;
    const load_trace trace = whole_trace();
    emit(&trace, OPENED, NULL, 0);
    assert_int_equal(got.count, 0);
    load_trace_emit(&trace, NULL, OPENED, NULL); /* without a tracer */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_stage_of_a_loading_has_a_span),
        cmocka_unit_test(a_model_that_is_not_found_ends_its_download),
        cmocka_unit_test(the_stage_that_failed_has_the_error_and_later_ones_no_span),
        cmocka_unit_test(a_first_inference_that_fails_has_the_error),
        cmocka_unit_test(nothing_is_emitted_when_nobody_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
