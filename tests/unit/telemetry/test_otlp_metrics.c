#include "unit.h"

#include "telemetry/otlp.pb-c.h"
#include "telemetry/otlp_message.h"

#include <math.h>

#define ROOM ((size_t)4 << 20)
#define START_NS 1000
#define NOW_NS 5000

static metrics *open_metrics(void)
{
    static const char *const models[] = {"m\xff"}, *const codes[] = {"not_found", "internal_error"};
    const metric_names domains[] = {{models, 1}, {codes, 2}};
    metrics *m;
    assert_int_equal(metrics_open(&m, domains, NULL), AKI_OK);
    return m;
}

static Otlp__ExportMetricsServiceRequest *encoded(metrics *m, size_t *points)
{
    buf out;
    buf_init(&out, ROOM);
    assert_true(otlp_metrics_encode(m, &(resource){0}, START_NS, NOW_NS, &out, points));
    Otlp__ExportMetricsServiceRequest *read =
        otlp__export_metrics_service_request__unpack(NULL, out.length, (const uint8_t *)out.data);
    assert_non_null(read);
    assert_int_equal(read->n_resource_metrics, 1);
    assert_int_equal(read->resource_metrics[0]->n_scope_metrics, 1);
    buf_free(&out);
    return read;
}

static const Otlp__Metric *find(const Otlp__ExportMetricsServiceRequest *read, metric_id id)
{
    const Otlp__ScopeMetrics *scope = read->resource_metrics[0]->scope_metrics[0];
    for (size_t i = 0; i < scope->n_metrics; i++)
        if (strcmp(scope->metrics[i]->name, metric_table[id].name) == 0)
            return scope->metrics[i];
    return NULL;
}

static void assert_label(const Otlp__KeyValue *label, const char *name, const char *value)
{
    assert_string_equal(label->key, name);
    assert_string_equal(label->value->string_value, value);
}

static void all_but_info_is_there_before_any_event(void **state)
{
    (void)state;
    metrics *m = open_metrics();
    size_t points, counted = 0;
    Otlp__ExportMetricsServiceRequest *read = encoded(m, &points);
    for (size_t id = 0; id < METRIC_TOTAL; id++) {
        const Otlp__Metric *got = find(read, (metric_id)id);
        assert_int_equal(got != NULL, metric_table[id].kind != METRIC_INFO);
        if (got == NULL)
            continue;
        assert_string_equal(got->description, metric_table[id].help);
        switch (metric_table[id].kind) {
        case METRIC_COUNTER:
            assert_int_equal(got->data_case, OTLP__METRIC__DATA_SUM);
            assert_int_equal(got->sum->aggregation_temporality, 2);
            assert_true(got->sum->is_monotonic);
            counted += got->sum->n_data_points;
            break;
        case METRIC_HISTOGRAM:
            assert_int_equal(got->data_case, OTLP__METRIC__DATA_HISTOGRAM);
            assert_int_equal(got->histogram->aggregation_temporality, 2);
            counted += got->histogram->n_data_points;
            break;
        default:
            assert_int_equal(got->data_case, OTLP__METRIC__DATA_GAUGE);
            counted += got->gauge->n_data_points;
        }
    }
    assert_int_equal(points, counted);
    otlp__export_metrics_service_request__free_unpacked(read, NULL);
    metrics_close(m);
}

static void a_series_has_the_labels_that_it_was_counted_under(void **state)
{
    (void)state;
    metrics *m = open_metrics();
    size_t points, found = 0;
    metrics_add(metrics_shard(m), METRIC_HTTP_REQUESTS,
                METRIC_ROUTE_READY * (METRIC_STATUS_ABORTED + 1) + METRIC_STATUS_5XX, 7);
    metrics_add(metrics_shard(m), METRIC_ERRORS_BY_CODE, 1, 3);
    Otlp__ExportMetricsServiceRequest *read = encoded(m, &points);
    const Otlp__Sum *sum = find(read, METRIC_HTTP_REQUESTS)->sum;
    for (size_t i = 0; i < sum->n_data_points; i++) {
        const Otlp__NumberDataPoint *point = sum->data_points[i];
        assert_int_equal(point->value_case, OTLP__NUMBER_DATA_POINT__VALUE_AS_INT);
        if (point->as_int == 0)
            continue;
        found++;
        assert_int_equal(point->as_int, 7);
        assert_int_equal(point->start_time_unix_nano, START_NS);
        assert_int_equal(point->time_unix_nano, NOW_NS);
        assert_int_equal(point->n_attributes, 2);
        assert_label(point->attributes[0], "route", "/health/ready");
        assert_label(point->attributes[1], "code", "5xx");
    }
    assert_int_equal(found, 1);
    sum = find(read, METRIC_ERRORS_BY_CODE)->sum;
    assert_int_equal(sum->n_data_points, 2);
    assert_int_equal(sum->data_points[1]->as_int, 3);
    assert_label(sum->data_points[1]->attributes[0], "code", "internal_error");
    otlp__export_metrics_service_request__free_unpacked(read, NULL);
    metrics_close(m);
}

/* One label that is not UTF-8 would make the collector refuse all metrics. */
static void a_models_name_that_is_not_utf8_is_replaced(void **state)
{
    (void)state;
    metrics *m = open_metrics();
    size_t points;
    Otlp__ExportMetricsServiceRequest *read = encoded(m, &points);
    assert_label(find(read, METRIC_TEXTS)->sum->data_points[0]->attributes[0], "model", "(not UTF-8)");
    otlp__export_metrics_service_request__free_unpacked(read, NULL);
    metrics_close(m);
}

static double known_for_one_class(void *cookie, size_t series)
{
    return series == METRIC_BULK ? *(double *)cookie : NAN;
}

static void a_series_without_a_value_is_left_out(void **state)
{
    (void)state;
    metrics *m = open_metrics();
    size_t points, fewer;
    double value = 2.5;
    Otlp__ExportMetricsServiceRequest *read = encoded(m, &points);
    assert_int_equal(find(read, METRIC_QUEUE_AGE)->gauge->n_data_points, 2);
    otlp__export_metrics_service_request__free_unpacked(read, NULL);
    metrics_read_by(m, METRIC_QUEUE_AGE, known_for_one_class, &value);
    read = encoded(m, &fewer);
    const Otlp__Gauge *gauge = find(read, METRIC_QUEUE_AGE)->gauge;
    assert_int_equal(gauge->n_data_points, 1);
    assert_int_equal(gauge->data_points[0]->value_case, OTLP__NUMBER_DATA_POINT__VALUE_AS_DOUBLE);
    assert_true(gauge->data_points[0]->as_double == 2.5);
    assert_int_equal(gauge->data_points[0]->start_time_unix_nano, 0); /* gauges have no beginning */
    assert_label(gauge->data_points[0]->attributes[0], "class", "bulk");
    assert_int_equal(fewer, points - 1);
    otlp__export_metrics_service_request__free_unpacked(read, NULL);
    metrics_close(m);
}

static void a_gauge_may_be_negative(void **state)
{
    (void)state;
    metrics *m = open_metrics();
    size_t points;
    metrics_change(metrics_shard(m), METRIC_REQUESTS_IN_FLIGHT, 0, -4);
    Otlp__ExportMetricsServiceRequest *read = encoded(m, &points);
    assert_int_equal(find(read, METRIC_REQUESTS_IN_FLIGHT)->gauge->data_points[0]->as_int, -4);
    otlp__export_metrics_service_request__free_unpacked(read, NULL);
    metrics_close(m);
}

static void a_histogram_has_buckets_and_the_exemplars_there_are(void **state)
{
    (void)state;
    metrics *m = open_metrics();
    metric_shard *shard = metrics_shard(m);
    const metric *row = &metric_table[METRIC_REQUEST_DURATION];
    const metric_exemplar exemplar = {{0xab, [15] = 1}, {0xcd, [7] = 2}};
    size_t points;
    metrics_observe(shard, METRIC_REQUEST_DURATION, METRIC_ERROR, 0.0005, NULL);
    metrics_observe(shard, METRIC_REQUEST_DURATION, METRIC_ERROR, 0.25, &exemplar);
    metrics_observe(shard, METRIC_REQUEST_DURATION, METRIC_ERROR, 1000, NULL); /* beyond all bounds */
    Otlp__ExportMetricsServiceRequest *read = encoded(m, &points);
    const Otlp__Metric *got = find(read, METRIC_REQUEST_DURATION);
    assert_string_equal(got->unit, "s");
    assert_int_equal(got->histogram->n_data_points, 2);
    const Otlp__HistogramDataPoint *success = got->histogram->data_points[METRIC_SUCCESS],
                                   *error = got->histogram->data_points[METRIC_ERROR];
    assert_int_equal(success->count, 0);
    assert_int_equal(success->n_exemplars, 0);
    assert_label(error->attributes[0], "status", "error");
    assert_int_equal(error->count, 3);
    assert_true(error->sum == 0.0005 + 0.25 + 1000);
    assert_int_equal(error->n_explicit_bounds, row->bound_count);
    assert_memory_equal(error->explicit_bounds, row->bounds, row->bound_count * sizeof *row->bounds);
    assert_int_equal(error->n_bucket_counts, row->bound_count + 1);
    assert_int_equal(error->bucket_counts[0], 1);
    assert_int_equal(error->bucket_counts[row->bound_count], 1);
    assert_int_equal(error->n_exemplars, 1);
    assert_true(error->exemplars[0]->as_double == 0.25);
    assert_int_equal(error->exemplars[0]->trace_id.len, 16);
    assert_memory_equal(error->exemplars[0]->trace_id.data, exemplar.trace_id, 16);
    assert_int_equal(error->exemplars[0]->span_id.len, 8);
    assert_memory_equal(error->exemplars[0]->span_id.data, exemplar.span_id, 8);
    assert_true(error->exemplars[0]->time_unix_nano > 0);
    otlp__export_metrics_service_request__free_unpacked(read, NULL);
    metrics_close(m);
}

static void units_are_written_as_ucum_has_them(void **state)
{
    (void)state;
    static const struct {
        metric_id id;
        const char *unit;
    } rows[] = {{METRIC_REQUESTS, ""},
                {METRIC_MEMORY_USAGE, "By"},
                {METRIC_GPU_UTILIZATION, "%"},
                {METRIC_PASS_FILL, "1"},
                {METRIC_BATCH_WAIT, "s"}};
    metrics *m = open_metrics();
    size_t points;
    Otlp__ExportMetricsServiceRequest *read = encoded(m, &points);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(find(read, rows[i].id)->unit, rows[i].unit);
    for (size_t id = 0; id < METRIC_TOTAL; id++) /* no unit of the table is forgotten */
        if (metric_table[id].unit != NULL && metric_table[id].kind != METRIC_INFO)
            assert_string_not_equal(find(read, (metric_id)id)->unit, "");
    otlp__export_metrics_service_request__free_unpacked(read, NULL);
    metrics_close(m);
}

static void what_does_not_fit_is_not_begun(void **state)
{
    (void)state;
    metrics *m = open_metrics();
    size_t points;
    buf out;
    buf_init(&out, 1000);
    assert_false(otlp_metrics_encode(m, &(resource){0}, START_NS, NOW_NS, &out, &points));
    assert_int_equal(out.length, 0);
    buf_free(&out);
    metrics_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_but_info_is_there_before_any_event),
        cmocka_unit_test(a_series_has_the_labels_that_it_was_counted_under),
        cmocka_unit_test(a_models_name_that_is_not_utf8_is_replaced),
        cmocka_unit_test(a_series_without_a_value_is_left_out),
        cmocka_unit_test(a_gauge_may_be_negative),
        cmocka_unit_test(a_histogram_has_buckets_and_the_exemplars_there_are),
        cmocka_unit_test(units_are_written_as_ucum_has_them),
        cmocka_unit_test(what_does_not_fit_is_not_begun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
