/* The CPU's peak rate: the instructions of the products in registers only, on as many threads as compute.
 *
 * Rates are per CPU time of the threads, which run at the same moment: they share clock and cores as the engine's
 * threads do, and a busy neighbour lowers the engine's share instead of the roof that it is held against. */
#ifndef CLI_BENCH_PEAK_H
#define CLI_BENCH_PEAK_H

#include "akidb/embed.h"

/* Returns the floating-point operations done, at least `rounds`. */
typedef double (*bench_burst)(size_t rounds);

typedef struct bench_peak {
    bench_burst burst;
    unsigned threads;
    size_t rounds; /* of a burst of a fraction of a millisecond */
} bench_peak;

/* The burst of a tier and precision in use. NULL when there is no such tier, or it has no such precision. */
bench_burst bench_burst_of(const char *tier, aki_precision precision);

/* threads >= 1. Finds the length of a burst; cannot fail. */
void bench_peak_init(bench_peak *peak, bench_burst burst, unsigned threads);

/* One measurement of about 10 ms, in FLOP/s of all threads together. Threads beyond the CPUs of the process add nothing.
 * Errors: AKI_OUT_OF_MEMORY (also: no more threads to be had). */
AKI_MUST_CHECK aki_status bench_peak_measure(const bench_peak *peak, double *flops_per_second,
                                             aki_error *error);

#endif
