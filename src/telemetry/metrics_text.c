#include "telemetry/metrics_text.h"

#include "base/memory.h"
#include "telemetry/metrics_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kinds[] = {"counter", "gauge", "histogram", "gauge"};
static const char *const open_kinds[] = {"counter", "gauge", "histogram", "info"};

static void write_count(buf *out, uint64_t count)
{
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + count % 10);
    while ((count /= 10) > 0);
    buf_append(out, digits + at, sizeof digits - at);
}

/* The shortest decimal that reads back as the same double. */
static void write_number(buf *out, double value)
{
    char text[40];
    if (isinf(value)) {
        buf_append_string(out, value > 0 ? "+Inf" : "-Inf");
        return;
    }
    if (value >= 0 && value < 1e6 &&
        value == floor(value)) { /* most of them; from a million on %g has exponents */
        write_count(out, (uint64_t)value);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) { /* %g leaves zeros at the end out */
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    buf_append_string(out, text);
}

/* Canonical form of a bucket's bound: always with a point, so that both formats name the same series. */
static void write_bound(buf *out, double bound)
{
    write_number(out, bound);
    if (bound == floor(bound) && bound < 1e6)
        buf_append_string(out, ".0");
}

/* A counter's family in OpenMetrics goes without the suffix of its samples, an info's likewise. */
static int family_length(const metric *row, metrics_format format)
{
    size_t length = strlen(row->name);
    if (format == METRICS_OPENMETRICS && row->kind == METRIC_COUNTER)
        length -= strlen("_total");
    if (format == METRICS_OPENMETRICS && row->kind == METRIC_INFO)
        length -= strlen("_info");
    return (int)length;
}

static void write_head(buf *out, const metric *row, metrics_format format)
{
    const int family = family_length(row, format);
    if (format == METRICS_OPENMETRICS) {
        buf_printf(out, "# TYPE %.*s %s\n", family, row->name, open_kinds[row->kind]);
        if (row->unit != NULL)
            buf_printf(out, "# UNIT %.*s %s\n", family, row->name, row->unit);
        buf_printf(out, "# HELP %.*s %s\n", family, row->name, row->help);
    } else {
        buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", row->name, row->help, row->name, kinds[row->kind]);
    }
}

/* The labels of a series, without braces; `labels` is cleared first. */
static void write_labels(const metrics *m, const metric *row, size_t series, buf *labels)
{
    size_t values[METRIC_MAX_LABELS] = {0};
    buf_clear(labels);
    for (size_t i = METRIC_MAX_LABELS; i-- > 0;) {
        if (row->labels[i] == NULL)
            continue;
        size_t count = metric_label_values(row->labels[i], m->domains);
        values[i] = series % count;
        series /= count;
    }
    for (size_t i = 0; i < METRIC_MAX_LABELS && row->labels[i] != NULL; i++) {
        const metric_label *label = row->labels[i];
        if (i > 0)
            buf_append_char(labels, ',');
        metrics_write_label(labels, label->name, metrics_label_text(m, label, values[i]));
    }
}

static const char *text_of(const buf *b)
{
    return b->length > 0 ? b->data : "";
}

static void read_info(metrics *m, metric_id id, buf *labels)
{
    buf_clear(labels);
    pthread_mutex_lock(&m->lock);
    buf_append_string(labels, text_of(&m->info[id]));
    pthread_mutex_unlock(&m->lock);
}

/* name{labels} and a blank */
static void write_name(buf *out, const char *name, const char *suffix, const char *labels)
{
    buf_append_string(out, name);
    buf_append_string(out, suffix);
    if (*labels != '\0') {
        buf_append_char(out, '{');
        buf_append_string(out, labels);
        buf_append_char(out, '}');
    }
    buf_append_char(out, ' ');
}

static void write_hex(buf *out, const uint64_t *words, size_t bytes)
{
    const unsigned char *from = (const unsigned char *)words;
    for (size_t i = 0; i < bytes; i++)
        buf_printf(out, "%02x", from[i]);
}

static void write_exemplar(buf *out, const uint64_t *words)
{
    if (words[1] == 0)
        return;
    buf_append_string(out, " # {trace_id=\"");
    write_hex(out, words + 2, 16);
    buf_append_string(out, "\",span_id=\"");
    write_hex(out, words + 4, 8);
    buf_append_string(out, "\"} ");
    write_number(out, metric_double(words[0]));
    buf_printf(out, " %llu.%03llu", (unsigned long long)(words[1] / 1000000000),
               (unsigned long long)(words[1] / 1000000 % 1000));
}

static void write_histogram(buf *out, const metric *row, metrics_format format, const char *labels,
                            const uint64_t *words)
{
    const size_t buckets = row->bound_count + 1;
    uint64_t count = 0;
    for (size_t i = 0; i < buckets; i++) {
        count += words[i];
        buf_append_string(out, row->name);
        buf_append_string(out, "_bucket{");
        buf_append_string(out, labels);
        buf_append_string(out, *labels != '\0' ? ",le=\"" : "le=\"");
        if (i < row->bound_count)
            write_bound(out, row->bounds[i]);
        else
            buf_append_string(out, "+Inf");
        buf_append_string(out, "\"} ");
        write_count(out, count);
        if (format == METRICS_OPENMETRICS)
            write_exemplar(out, words + buckets + 1 + i * EXEMPLAR_WORDS);
        buf_append_char(out, '\n');
    }
    write_name(out, row->name, "_sum", labels);
    write_number(out, metric_double(words[buckets]));
    buf_append_char(out, '\n');
    write_name(out, row->name, "_count", labels);
    write_count(out, count);
    buf_append_char(out, '\n');
}

static void write_series(metrics *m, metric_id id, size_t series, metrics_format format,
                         const uint64_t *totals, const char *labels, buf *out)
{
    const metric *row = &metric_table[id];
    const uint64_t *words = totals + m->first_word[id] + series * m->series_words[id];
    if (row->kind == METRIC_HISTOGRAM) {
        write_histogram(out, row, format, labels, words);
        return;
    }
    double read = 0;
    if (row->source == METRIC_READ && m->readers[id].read != NULL)
        read = m->readers[id].read(m->readers[id].cookie, series);
    if (isnan(read))
        return;
    write_name(out, row->name, "", labels);
    if (row->kind == METRIC_INFO)
        buf_append_char(out, '1');
    else if (row->source == METRIC_READ)
        write_number(out, read);
    else if (row->kind == METRIC_COUNTER)
        write_count(out, *words);
    else
        buf_printf(out, "%lld", (long long)*words);
    buf_append_char(out, '\n');
}

bool metrics_write(metrics *m, metrics_format format, buf *out)
{
    uint64_t *totals = metrics_collect(m);
    buf labels;
    buf_init(&labels, (size_t)64 << 10);
    for (size_t id = 0; totals != NULL && id < METRIC_TOTAL; id++) {
        const metric *row = &metric_table[id];
        write_head(out, row, format);
        const size_t count = metric_series(row, m->domains);
        for (size_t series = 0; series < count; series++) {
            if (!metrics_has_series(m, row, series))
                continue;
            if (row->kind == METRIC_INFO)
                read_info(m, (metric_id)id, &labels);
            else
                write_labels(m, row, series, &labels);
            write_series(m, (metric_id)id, series, format, totals, text_of(&labels), out);
        }
    }
    if (format == METRICS_OPENMETRICS)
        buf_append_string(out, "# EOF\n");
    bool whole = totals != NULL && !labels.failed && !out->failed;
    buf_free(&labels);
    mem_free(totals);
    return whole;
}

bool metrics_write_reference(buf *out)
{
    buf_append_string(
        out,
        "# Metrics\n\n"
        "Made by `akidb-embed help --metrics` from the program's table of metrics; do not edit by hand.\n\n"
        "`GET /metrics` shows them all from the first scrape on, as Prometheus text 0.0.4 or, where the "
        "scraper's "
        "Accept header prefers it, as\nOpenMetrics 1.0 with exemplars; compressed where it takes gzip. The "
        "names that "
        "begin with `candle_` are inherited and kept.\n\n");
    buf_append_string(out, "| metric | type | labels | buckets | meaning |\n|---|---|---|---|---|\n");
    for (size_t id = 0; id < METRIC_TOTAL; id++) {
        const metric *row = &metric_table[id];
        buf_printf(out, "| `%s` | %s | ", row->name, open_kinds[row->kind]);
        for (size_t i = 0; i < METRIC_MAX_LABELS && row->labels[i] != NULL; i++) {
            const metric_label *label = row->labels[i];
            buf_printf(out, "%s`%s`", i > 0 ? ", " : "", label->name);
            for (size_t v = 0; label->values != NULL && label->values[v] != NULL; v++)
                buf_printf(out, "%s %s", v > 0 ? "," : ":", label->values[v]);
        }
        buf_append_string(out, " | ");
        for (size_t i = 0; i < row->bound_count; i++) {
            buf_append_string(out, i > 0 ? " " : "");
            write_number(out, row->bounds[i]);
        }
        buf_printf(out, " | %s |\n", row->help);
    }
    return !out->failed;
}
