#include "kernel_report.h"

#include "measure.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define LEAST_NS 1000000
#define ENOUGH_NS 200000000
#define LEAST_ROUNDS 3

void report_begin(kernel_report *report)
{
    report->lines = 0;
    if (report->json)
        printf("{\"results\":[");
    else
        printf("%-12s %-5s %-36s %-7s %5s %12s %10s %9s %9s %10s\n", "tier", "", "kernel", "weights", "rows",
               "us a call", "GFLOP/s", "of peak", "GB/s", "of memory");
}

/* shares: of the peak, and of the rate at which memory is read. */
static void print(kernel_report *report, const kernel_subject *s, const kernel_case *it, double ns,
                  const double shares[2])
{
    double rate = it->work / ns;
    if (report->json) {
        printf("%s\n{\"tier\":\"%s\",\"precision\":\"%s\",\"kernel\":\"%s\",\"weights\":\"%s\",\"rows\":%zu,"
               "\"microseconds\":%.6g",
               report->lines > 0 ? "," : "", s->tier, s->precision, it->name, it->weights, it->rows,
               ns / 1e3);
        if (it->work > 0)
            printf(",\"flops_per_second\":%.6g,\"share_of_peak\":%.4g", rate * 1e9, shares[0]);
        if (it->streamed != NULL)
            printf(",\"bytes_per_second\":%.6g,\"share_of_memory\":%.4g", (double)it->bytes / ns * 1e9,
                   shares[1]);
        printf("}");
    } else {
        printf("%-12s %-5s %-36s %-7s %5zu %12.2f", s->tier, s->precision, it->name, it->weights, it->rows,
               ns / 1e3);
        if (it->work > 0)
            printf(" %10.1f %8.1f%%", rate, 100.0 * shares[0]);
        if (it->streamed != NULL)
            printf(" %9.1f %9.1f%%", (double)it->bytes / ns, 100.0 * shares[1]);
        printf("\n");
    }
    report->lines++;
    fflush(stdout);
}

void report_measure(kernel_report *report, const kernel_subject *subject, const kernel_case *it)
{
    static double times[REPORT_MOST_ROUNDS], shares[REPORT_MOST_ROUNDS], of_memory[REPORT_MOST_ROUNDS];
    size_t repeats = 1, rounds = 0;
    int64_t all = 0;
    if (report->kernel != NULL && strstr(it->name, report->kernel) == NULL)
        return;
    for (;;) {
        int64_t start = measure_thread_ns();
        for (size_t i = 0; i < repeats; i++)
            it->run(it->cookie, i);
        if (measure_thread_ns() - start > LEAST_NS)
            break;
        repeats *= 2;
    }
    double before = measure_burst(subject->burst);
    while (rounds < report->rounds && (rounds < LEAST_ROUNDS || all < ENOUGH_NS)) {
        int64_t start = measure_thread_ns();
        for (size_t i = 0; i < repeats; i++)
            it->run(it->cookie, rounds * repeats + i);
        int64_t spent = measure_thread_ns() - start;
        double after = measure_burst(subject->burst);
        times[rounds] = (double)spent / (double)repeats;
        shares[rounds] = it->work / times[rounds] * 1e9 / (0.5 * (before + after));
        before = after;
        if (it->streamed != NULL)
            of_memory[rounds] =
                (double)it->bytes / times[rounds] * 1e9 / measure_reading(it->streamed, it->streamed_bytes);
        all += spent;
        rounds++;
    }
    const double medians[2] = {measure_median(shares, rounds),
                               it->streamed != NULL ? measure_median(of_memory, rounds) : 0};
    print(report, subject, it, measure_median(times, rounds), medians);
}

void report_end(kernel_report *report)
{
    if (report->json)
        printf("]}\n");
}
