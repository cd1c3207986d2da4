#include "unit.h"

#include "telemetry/metrics_text.h"

#include <math.h>

#define ROOM ((size_t)1 << 20)

static metrics *open_metrics(const char *model)
{
    static const char *const codes[] = {"not_found", "internal_error"};
    const metric_names domains[] = {{&model, 1}, {codes, 2}};
    metrics *m;
    aki_error error;
    assert_int_equal(metrics_open(&m, domains, &error), AKI_OK);
    return m;
}

static char *text_of(metrics *m, metrics_format format, buf *out)
{
    buf_init(out, ROOM);
    assert_true(metrics_write(m, format, out));
    return out->data;
}

static void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("missing: %s", part);
}

static void every_metric_is_there_before_any_event(void **state)
{
    (void)state;
    metrics *m = open_metrics("m");
    buf out;
    const char *text = text_of(m, METRICS_PROMETHEUS, &out);
    for (size_t id = 0; id < METRIC_TOTAL; id++) {
        char line[256];
        snprintf(line, sizeof line, "\n# TYPE %s ", metric_table[id].name);
        if (id > 0)
            assert_has(text, line);
    }
    assert_has(text, "\ncandle_requests_total 0\n");
    assert_has(text, "\ncandle_request_duration_seconds_bucket{status=\"error\",le=\"0.001\"} 0\n");
    assert_has(text, "\ncandle_request_duration_seconds_count{status=\"success\"} 0\n");
    assert_has(text, "\nakidb_embed_errors_total{code=\"internal_error\"} 0\n");
    assert_has(text, "\nakidb_embed_http_requests_total{route=\"other\",code=\"aborted\"} 0\n");
    assert_int_equal(text[out.length - 1], '\n');
    buf_free(&out);
    metrics_close(m);
}

/* A model that is configured later. */
static void series_without_a_name_are_left_out_until_they_have_one(void **state)
{
    (void)state;
    static const char *const models[] = {"first", NULL, NULL};
    static const char *const codes[] = {"not_found"};
    const metric_names domains[] = {{models, 3}, {codes, 1}};
    metrics *m;
    aki_error error;
    buf out;
    assert_int_equal(metrics_open(&m, domains, &error), AKI_OK);
    metrics_add(metrics_shard(m), METRIC_TOKENS, 2, 5);
    assert_has(text_of(m, METRICS_PROMETHEUS, &out), "\nakidb_embed_tokens_total{model=\"first\"} 0\n# ");
    buf_free(&out);
    metrics_set_name(m, METRIC_MODELS, 2, "later");
    metrics_set_name(m, METRIC_MODELS, 2, "never"); /* it has one */
    metrics_set_name(m, METRIC_MODELS, 3, "beyond");
    assert_has(
        text_of(m, METRICS_PROMETHEUS, &out),
        "\nakidb_embed_tokens_total{model=\"first\"} 0\nakidb_embed_tokens_total{model=\"later\"} 5\n# ");
    buf_free(&out);
    metrics_close(m);
}

static void buckets_are_cumulative_and_end_with_the_count(void **state)
{
    (void)state;
    metrics *m = open_metrics("m");
    metric_shard *shard = metrics_shard(m);
    metrics_observe(shard, METRIC_BATCH_SIZE, 0, 1, NULL);
    metrics_observe(shard, METRIC_BATCH_SIZE, 0, 3, NULL);
    metrics_observe(shard, METRIC_BATCH_SIZE, 0, 500, NULL);
    buf out;
    const char *text = text_of(m, METRICS_PROMETHEUS, &out);
    assert_has(text, "candle_batch_size_bucket{le=\"1.0\"} 1\ncandle_batch_size_bucket{le=\"2.0\"} 1\n"
                     "candle_batch_size_bucket{le=\"4.0\"} 2\n");
    assert_has(text, "candle_batch_size_bucket{le=\"128.0\"} 2\ncandle_batch_size_bucket{le=\"+Inf\"} 3\n"
                     "candle_batch_size_sum 504\ncandle_batch_size_count 3\n");
    buf_free(&out);
    metrics_close(m);
}

static void openmetrics_names_families_without_suffix_and_ends(void **state)
{
    (void)state;
    metrics *m = open_metrics("m");
    buf out;
    const char *text = text_of(m, METRICS_OPENMETRICS, &out);
    assert_has(text, "# TYPE candle_requests counter\n# HELP candle_requests ");
    assert_has(text, "\ncandle_requests_total 0\n");
    assert_has(text, "# TYPE process_cpu_seconds counter\n# UNIT process_cpu_seconds seconds\n");
    assert_has(text, "# TYPE akidb_embed_build info\n");
    assert_string_equal(text + out.length - 6, "# EOF\n");
    buf_free(&out);
    metrics_close(m);
}

static void exemplars_stand_in_openmetrics_only(void **state)
{
    (void)state;
    metrics *m = open_metrics("m");
    const metric_exemplar exemplar = {{0xab, [15] = 0x01}, {0xcd, [7] = 0x02}};
    metrics_observe(metrics_shard(m), METRIC_REQUEST_DURATION, METRIC_SUCCESS, 0.25, &exemplar);
    buf out;
    const char *text = text_of(m, METRICS_OPENMETRICS, &out);
    assert_has(text, "{status=\"success\",le=\"0.25\"} 1 # {trace_id=\"ab000000000000000000000000000001\","
                     "span_id=\"cd00000000000002\"} 0.25 ");
    buf_free(&out);
    text = text_of(m, METRICS_PROMETHEUS, &out);
    assert_null(strstr(text, "trace_id"));
    buf_free(&out);
    metrics_close(m);
}

static void label_values_are_escaped(void **state)
{
    (void)state;
    metrics *m = open_metrics("a\"b\\c\nd");
    const char *const labels[] = {"version", "1\"2", "tier", "t", NULL};
    aki_error error;
    assert_int_equal(metrics_set_info(m, METRIC_BUILD_INFO, labels, &error), AKI_OK);
    metrics_add(metrics_shard(m), METRIC_TEXTS, 0, 7);
    buf out;
    const char *text = text_of(m, METRICS_PROMETHEUS, &out);
    assert_has(text, "akidb_embed_texts_total{model=\"a\\\"b\\\\c\\nd\"} 7\n");
    assert_has(text, "akidb_embed_build_info{version=\"1\\\"2\",tier=\"t\"} 1\n");
    buf_free(&out);
    metrics_close(m);
}

static double read_by_series(void *cookie, size_t series)
{
    return series == 0 ? *(double *)cookie : NAN;
}

static void read_values_keep_every_digit_and_may_be_absent(void **state)
{
    (void)state;
    metrics *m = open_metrics("m");
    double value = 0.1 + 0.2;
    metrics_read_by(m, METRIC_QUEUE_AGE, read_by_series, &value);
    buf out;
    const char *text = text_of(m, METRICS_PROMETHEUS, &out);
    assert_has(text, "akidb_embed_queue_age_seconds{class=\"interactive\"} 0.30000000000000004\n");
    assert_null(strstr(text, "akidb_embed_queue_age_seconds{class=\"bulk\"}"));
    buf_free(&out);
    value = INFINITY;
    text = text_of(m, METRICS_PROMETHEUS, &out);
    assert_has(text, "akidb_embed_queue_age_seconds{class=\"interactive\"} +Inf\n");
    buf_free(&out);
    metrics_close(m);
}

static void running_out_of_room_is_reported(void **state)
{
    (void)state;
    metrics *m = open_metrics("m");
    buf out;
    buf_init(&out, 1000);
    assert_false(metrics_write(m, METRICS_PROMETHEUS, &out));
    buf_free(&out);
    metrics_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(series_without_a_name_are_left_out_until_they_have_one),
        cmocka_unit_test(every_metric_is_there_before_any_event),
        cmocka_unit_test(buckets_are_cumulative_and_end_with_the_count),
        cmocka_unit_test(openmetrics_names_families_without_suffix_and_ends),
        cmocka_unit_test(exemplars_stand_in_openmetrics_only),
        cmocka_unit_test(label_values_are_escaped),
        cmocka_unit_test(read_values_keep_every_digit_and_may_be_absent),
        cmocka_unit_test(running_out_of_room_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
