#include "telemetry/otlp_message.h"

#include "base/memory.h"
#include "telemetry/metrics_internal.h"
#include "telemetry/otlp.pb-c.h"

#include <math.h>
#include <string.h>

#define CUMULATIVE 2

typedef struct encoder {
    arena a;
    metrics *m;
    const uint64_t *totals;
    uint64_t start_ns, now_ns;
    size_t points;
} encoder;

/* Units as UCUM writes them. */
static const char *unit_of(const metric *row)
{
    static const char *const names[][2] = {
        {"seconds", "s"}, {"bytes", "By"}, {"ratio", "1"}, {"percent", "%"}};
    for (size_t i = 0; row->unit != NULL && i < sizeof names / sizeof *names; i++)
        if (strcmp(row->unit, names[i][0]) == 0)
            return names[i][1];
    return "";
}

static Otlp__KeyValue **labels_of(encoder *e, const metric *row, size_t series, size_t *count)
{
    span_attribute labels[METRIC_MAX_LABELS];
    size_t values[METRIC_MAX_LABELS] = {0};
    for (size_t i = METRIC_MAX_LABELS; i-- > 0;) {
        if (row->labels[i] == NULL)
            continue;
        const size_t choices = metric_label_values(row->labels[i], e->m->domains);
        values[i] = series % choices;
        series /= choices;
    }
    for (*count = 0; *count < METRIC_MAX_LABELS && row->labels[*count] != NULL; (*count)++) {
        const metric_label *label = row->labels[*count];
        labels[*count] = span_name(label->name, metrics_label_text(e->m, label, values[*count]));
    }
    return otlp_attributes(&e->a, labels, *count);
}

static const uint64_t *words_of(const encoder *e, metric_id id, size_t series)
{
    return e->totals + e->m->first_word[id] + series * e->m->series_words[id];
}

/* False when the series says nothing now. */
static bool set_number(const encoder *e, metric_id id, size_t series, Otlp__NumberDataPoint *point)
{
    const metric *row = &metric_table[id];
    if (row->source != METRIC_READ) {
        point->value_case = OTLP__NUMBER_DATA_POINT__VALUE_AS_INT;
        point->as_int = (int64_t)*words_of(e, id, series);
        return true;
    }
    point->value_case = OTLP__NUMBER_DATA_POINT__VALUE_AS_DOUBLE;
    if (e->m->readers[id].read != NULL)
        point->as_double = e->m->readers[id].read(e->m->readers[id].cookie, series);
    return !isnan(point->as_double);
}

/* [series] at most; *count: how many there are. */
static Otlp__NumberDataPoint **number_points(encoder *e, metric_id id, size_t series, size_t *count)
{
    Otlp__NumberDataPoint **points = arena_zalloc(&e->a, series, sizeof *points);
    Otlp__NumberDataPoint *filled = arena_zalloc(&e->a, series, sizeof *filled);
    *count = 0;
    for (size_t i = 0; i < series && !e->a.failed; i++) {
        Otlp__NumberDataPoint *point = &filled[*count];
        otlp__number_data_point__init(point);
        if (!metrics_has_series(e->m, &metric_table[id], i) || !set_number(e, id, i, point))
            continue;
        if (metric_table[id].kind == METRIC_COUNTER)
            point->start_time_unix_nano = e->start_ns;
        point->time_unix_nano = e->now_ns;
        point->attributes = labels_of(e, &metric_table[id], i, &point->n_attributes);
        points[(*count)++] = point;
    }
    return points;
}

/* words: [buckets][EXEMPLAR_WORDS]. */
static void add_exemplars(encoder *e, const uint64_t *words, size_t buckets, Otlp__HistogramDataPoint *point)
{
    point->exemplars = arena_zalloc(&e->a, buckets, sizeof *point->exemplars);
    Otlp__Exemplar *filled = arena_zalloc(&e->a, buckets, sizeof *filled);
    for (size_t i = 0; i < buckets && !e->a.failed; i++, words += EXEMPLAR_WORDS) {
        if (words[1] == 0)
            continue;
        Otlp__Exemplar *exemplar = &filled[i];
        otlp__exemplar__init(exemplar);
        exemplar->time_unix_nano = words[1];
        exemplar->value_case = OTLP__EXEMPLAR__VALUE_AS_DOUBLE;
        exemplar->as_double = metric_double(words[0]);
        exemplar->trace_id = (ProtobufCBinaryData){16, (uint8_t *)(words + 2)};
        exemplar->span_id = (ProtobufCBinaryData){8, (uint8_t *)(words + 4)};
        point->exemplars[point->n_exemplars++] = exemplar;
    }
}

static Otlp__HistogramDataPoint **histogram_points(encoder *e, metric_id id, size_t series)
{
    const metric *row = &metric_table[id];
    const size_t buckets = row->bound_count + 1;
    Otlp__HistogramDataPoint **points = arena_zalloc(&e->a, series, sizeof *points);
    Otlp__HistogramDataPoint *filled = arena_zalloc(&e->a, series, sizeof *filled);
    for (size_t i = 0; i < series && !e->a.failed; i++) {
        const uint64_t *words = words_of(e, id, i);
        Otlp__HistogramDataPoint *point = points[i] = &filled[i];
        otlp__histogram_data_point__init(point);
        point->start_time_unix_nano = e->start_ns;
        point->time_unix_nano = e->now_ns;
        for (size_t b = 0; b < buckets; b++)
            point->count += words[b];
        point->maybe_sum_case = OTLP__HISTOGRAM_DATA_POINT__MAYBE_SUM_SUM;
        point->sum = metric_double(words[buckets]);
        point->n_bucket_counts = buckets;
        point->bucket_counts = (uint64_t *)words;
        point->n_explicit_bounds = row->bound_count;
        point->explicit_bounds = (double *)row->bounds;
        add_exemplars(e, words + buckets + 1, buckets, point);
        point->attributes = labels_of(e, row, i, &point->n_attributes);
    }
    return points;
}

static void fill_histogram(encoder *e, metric_id id, size_t series, Otlp__Metric *out)
{
    Otlp__Histogram *histogram = arena_zalloc(&e->a, 1, sizeof *histogram);
    if (histogram == NULL)
        return;
    otlp__histogram__init(histogram);
    histogram->aggregation_temporality = CUMULATIVE;
    histogram->n_data_points = series;
    histogram->data_points = histogram_points(e, id, series);
    out->data_case = OTLP__METRIC__DATA_HISTOGRAM;
    out->histogram = histogram;
    e->points += series;
}

static void fill_numbers(encoder *e, metric_id id, size_t series, Otlp__Metric *out)
{
    size_t count;
    Otlp__NumberDataPoint **points = number_points(e, id, series, &count);
    Otlp__Sum *sum = arena_zalloc(&e->a, 1, sizeof *sum);
    Otlp__Gauge *gauge = arena_zalloc(&e->a, 1, sizeof *gauge);
    if (e->a.failed)
        return;
    if (metric_table[id].kind == METRIC_COUNTER) {
        otlp__sum__init(sum);
        sum->aggregation_temporality = CUMULATIVE;
        sum->is_monotonic = true;
        sum->n_data_points = count;
        sum->data_points = points;
        out->data_case = OTLP__METRIC__DATA_SUM;
        out->sum = sum;
    } else {
        otlp__gauge__init(gauge);
        gauge->n_data_points = count;
        gauge->data_points = points;
        out->data_case = OTLP__METRIC__DATA_GAUGE;
        out->gauge = gauge;
    }
    e->points += count;
}

static void fill(encoder *e, metric_id id, Otlp__Metric *out)
{
    const metric *row = &metric_table[id];
    const size_t series = metric_series(row, e->m->domains);
    otlp__metric__init(out);
    out->name = (char *)row->name;
    out->description = (char *)row->help;
    out->unit = (char *)unit_of(row);
    if (row->kind == METRIC_HISTOGRAM)
        fill_histogram(e, id, series, out);
    else
        fill_numbers(e, id, series, out);
}

static bool pack(encoder *e, const resource *from, Otlp__Metric **filled, size_t count, buf *out)
{
    Otlp__ScopeMetrics scope = OTLP__SCOPE_METRICS__INIT, *scopes[] = {&scope};
    Otlp__ResourceMetrics of_resource = OTLP__RESOURCE_METRICS__INIT, *resources[] = {&of_resource};
    Otlp__ExportMetricsServiceRequest request = OTLP__EXPORT_METRICS_SERVICE_REQUEST__INIT;
    scope.scope = otlp_scope(&e->a);
    scope.n_metrics = count;
    scope.metrics = filled;
    of_resource.resource = otlp_resource(&e->a, from);
    of_resource.n_scope_metrics = 1;
    of_resource.scope_metrics = scopes;
    request.n_resource_metrics = 1;
    request.resource_metrics = resources;
    return !e->a.failed && otlp_pack(&request, out);
}

bool otlp_metrics_encode(metrics *m, const resource *from, int64_t start_ns, int64_t now_ns, buf *out,
                         size_t *points)
{
    encoder e = {.m = m, .start_ns = (uint64_t)start_ns, .now_ns = (uint64_t)now_ns};
    uint64_t *totals = metrics_collect(m);
    Otlp__Metric *filled = arena_zalloc(&e.a, METRIC_TOTAL, sizeof *filled);
    Otlp__Metric **pointers = arena_zalloc(&e.a, METRIC_TOTAL, sizeof *pointers);
    size_t count = 0;
    bool packed = totals != NULL && !e.a.failed;
    e.totals = totals;
    for (size_t id = 0; packed && id < METRIC_TOTAL; id++) {
        if (metric_table[id].kind == METRIC_INFO)
            continue;
        fill(&e, (metric_id)id, &filled[count]);
        pointers[count] = &filled[count];
        count++;
    }
    packed = packed && pack(&e, from, pointers, count, out);
    *points = e.points;
    arena_free(&e.a);
    mem_free(totals);
    return packed;
}
