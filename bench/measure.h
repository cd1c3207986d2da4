/* What the benchmarks of kernels and engine share: CPU time of the thread, random numbers, the roof. */
#ifndef MEASURE_H
#define MEASURE_H

#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "kernels/kernels.h"

/* CPU time, so that other programs on the machine disturb through caches and clocks only. */
static inline int64_t measure_thread_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static uint64_t measure_random_state = UINT64_C(88172645463325252);

/* Uniform in [0, 1). */
static inline double measure_unit(void)
{
    measure_random_state ^= measure_random_state << 13;
    measure_random_state ^= measure_random_state >> 7;
    measure_random_state ^= measure_random_state << 17;
    return (double)(measure_random_state >> 11) * 0x1p-53;
}

/* Nearly normal: the sum of twelve uniform numbers. */
static inline float measure_normal(void)
{
    double sum = -6.0;
    for (int i = 0; i < 12; i++)
        sum += measure_unit();
    return (float)sum;
}

/* Operations per second of one burst of about 2 ms. */
static inline double measure_burst(double (*burst)(size_t rounds))
{
    static _Thread_local size_t rounds = 1000;
    for (;;) {
        int64_t start = measure_thread_ns();
        double work = burst(rounds);
        int64_t spent = measure_thread_ns() - start;
        if (spent >= 1000000)
            return work / (double)spent * 1e9;
        rounds *= 2;
    }
}

/* Bytes per second at which this thread reads a block from end to end, which no cache should hold. */
static inline double measure_reading(const void *block, size_t bytes)
{
    typedef uint64_t words __attribute__((vector_size(16)));
    volatile uint64_t sink;
    const words *at = block;
    words sums[4] = {{0}};
    const int64_t start = measure_thread_ns();
    for (size_t i = 0; i + 4 <= bytes / sizeof *at; i += 4)
        for (size_t j = 0; j < 4; j++)
            sums[j] ^= at[i + j];
    const int64_t spent = measure_thread_ns() - start;
    const words sum = sums[0] ^ sums[1] ^ sums[2] ^ sums[3];
    sink = sum[0] ^ sum[1];
    (void)sink;
    return (double)bytes / (double)(spent > 0 ? spent : 1) * 1e9;
}

static inline int measure_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts; the middle one. */
static inline double measure_median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, measure_compare);
    return values[count / 2];
}

#endif
