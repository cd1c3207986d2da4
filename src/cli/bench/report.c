#include "cli/bench/report.h"

#include "cli/progress.h"
#include "base/json_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int ascending(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

double bench_percentile(double *values, size_t count, double percent)
{
    qsort(values, count, sizeof *values, ascending);
    double rank = ceil(percent / 100 * (double)count);
    size_t index = rank < 1 ? 0 : (size_t)rank - 1;
    return values[index < count ? index : count - 1];
}

static void append_field(buf *out, const char *name, const char *value)
{
    buf_printf(out, "\"%s\":", name);
    json_text_append_string(out, value);
    buf_append_char(out, ',');
}

void bench_print_json(buf *out, const bench_report *report)
{
    buf_append_char(out, '{');
    append_field(out, "tier", report->tier);
    append_field(out, "cpu", report->cpu);
    append_field(out, "version", report->version);
    append_field(out, "model", report->model);
    buf_printf(out, "\"peak_rss_bytes\":%llu,\"results\":[", (unsigned long long)report->peak_rss_bytes);
    for (size_t i = 0; i < report->count; i++) {
        const bench_result *r = &report->results[i];
        buf_printf(out, "%s\n{\"length\":%.8g,", i > 0 ? "," : "", r->length);
        append_field(out, "tier", r->tier);
        append_field(out, "precision", r->precision);
        buf_printf(out,
                   "\"threads\":%u,\"tokens_per_second\":%.8g,\"texts_per_second\":%.8g,"
                   "\"flops_per_second\":%.8g,\"peak_flops_per_second\":%.8g,\"share_of_peak\":%.6g,"
                   "\"p50_ms\":%.6g,\"p99_ms\":%.6g,\"weight_bytes\":%zu}",
                   r->threads, r->tokens_per_second, r->texts_per_second, r->flops_per_second,
                   r->peak_flops_per_second, r->share_of_peak, r->p50_ms, r->p99_ms, r->weight_bytes);
    }
    buf_append_string(out, "]}\n");
}

void bench_print_text(buf *out, const bench_report *report)
{
    char size[40], tokens[40];
    progress_write_bytes(report->peak_rss_bytes, size, sizeof size);
    buf_printf(out, "akidb-embed %s, %s\n%s, %u thread%s, peak memory %s\n", report->version, report->model,
               report->cpu, report->results[0].threads, report->results[0].threads == 1 ? "" : "s", size);
    for (size_t i = 0; i < report->count; i++) {
        const bench_result *r = &report->results[i];
        char length[40];
        if (i == 0 || strcmp(r->precision, r[-1].precision) != 0 || strcmp(r->tier, r[-1].tier) != 0)
            buf_printf(out, "\nCPU tier %s, precision %s\n%-14s %12s %10s %10s %10s %9s %9s %9s\n", r->tier,
                       r->precision, "length, tokens", "tokens/s", "texts/s", "GFLOP/s", "peak", "of peak",
                       "p50 ms", "p99 ms");
        snprintf(length, sizeof length, r->mixed ? "mixed, ~%.0f" : "%.0f", r->length);
        progress_write_count((uint64_t)llround(r->tokens_per_second), tokens, sizeof tokens);
        buf_printf(out, "%-14s %12s %10.1f %10.1f %10.1f %8.1f%% %9.3f %9.3f\n", length, tokens,
                   r->texts_per_second, r->flops_per_second * 1e-9, r->peak_flops_per_second * 1e-9,
                   r->share_of_peak * 100, r->p50_ms, r->p99_ms);
    }
    buf_append_string(
        out,
        "\nRates: many texts at once on all threads, tokenizing included. peak: GFLOP/s (in int8, GOP/s) "
        "that the\nproducts' instruction does in registers alone, on as many threads, measured in between. "
        "p50, p99:\none text alone on the idle engine.\n"
        "The machine should be idle: a busy neighbour lowers the rates and raises p99.\n");
}
