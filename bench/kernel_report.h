/* Measures one kernel after the other against the roofs and prints a line for each, for people or as JSON.
 *
 * Each measurement alternates calls of at least a millisecond together with bursts of register-only multiply-adds, and
 * gives the medians of the rate and of its ratio to the bursts around it, so that a clock that drifts hits both sides. Where
 * weights come from memory, their copies are read from end to end too, and the rate at which the kernel takes them is set against that. */
#ifndef KERNEL_REPORT_H
#define KERNEL_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#define REPORT_MOST_ROUNDS 1000

/* What is measured: one precision of one tier. */
typedef struct kernel_subject {
    const char *tier, *precision;
    double (*burst)(size_t rounds); /* the roof, as in kernel_precision */
} kernel_subject;

typedef struct kernel_report {
    size_t rounds; /* wanted; slow kernels get fewer, at least three */
    bool json;
    const char *kernel; /* NULL, or only the cases whose name contains this */
    size_t lines;       /* printed */
} kernel_report;

/* One kernel with its arguments; `round` counts its calls, for those that stream through several copies. */
typedef struct kernel_case {
    const char *name, *weights; /* weights: "cache", "memory" or "" */
    size_t rows;
    double work;          /* operations of a call, a multiply-add being two; 0 = not counted */
    const void *streamed; /* NULL, or copies of the weights: streamed_bytes, more than a cache holds, */
    size_t streamed_bytes, bytes; /* of which a call reads so many */
    void (*run)(void *cookie, size_t round);
    void *cookie;
} kernel_case;

void report_begin(kernel_report *report);
void report_measure(kernel_report *report, const kernel_subject *subject, const kernel_case *it);
void report_end(kernel_report *report);

#endif
