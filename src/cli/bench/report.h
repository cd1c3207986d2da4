/* The figures of `bench`, and how they are counted and printed. Nothing here measures. */
#ifndef CLI_BENCH_REPORT_H
#define CLI_BENCH_REPORT_H

#include "akidb/embed.h"
#include "base/buf.h"

#define BENCH_RESULTS_MAX 32

typedef struct bench_result {
    double length; /* tokens per text, the mean where `mixed` */
    bool mixed;    /* texts of several lengths */
    const char *tier, *precision;
    unsigned threads;
    double tokens_per_second, texts_per_second, flops_per_second;
    double peak_flops_per_second; /* what the threads do in registers only, with the products' instruction */
    double share_of_peak;         /* 1 = all of that peak */
    double p50_ms, p99_ms;
    size_t weight_bytes;
} bench_result;

typedef struct bench_report {
    const char *tier, *cpu, *version, *model; /* tier: of the first result */
    uint64_t peak_rss_bytes;
    bench_result results[BENCH_RESULTS_MAX];
    size_t count;
} bench_report;

/* The least value that at least `percent` of the values (0 .. 100) do not exceed; sorts them. count >= 1. */
double bench_percentile(double *values, size_t count, double percent);

void bench_print_json(buf *out, const bench_report *report);
void bench_print_text(buf *out, const bench_report *report);

#endif
