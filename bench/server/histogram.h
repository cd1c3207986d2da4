/* Latencies in buckets that are linear within a power of two, as in HdrHistogram: every value is kept within 1/1024 of
 * itself, from 1 ns to 18 minutes, in constant memory and time. Not thread-safe. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

enum { HISTOGRAM_LINEAR_BITS = 10, HISTOGRAM_VALUE_BITS = 40 };
enum { HISTOGRAM_BUCKETS = (HISTOGRAM_VALUE_BITS - HISTOGRAM_LINEAR_BITS + 1) << HISTOGRAM_LINEAR_BITS };

typedef struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS];
    uint64_t total;
    uint64_t max_ns;
} histogram;

/* Negative values count as 0, those above 18 minutes as the longest. */
void histogram_add(histogram *h, int64_t value_ns);

/* The upper end of the bucket below which `share` (0 to 1) of the values lie, never above the largest value; 0 when
 * there are none. */
uint64_t histogram_quantile(const histogram *h, double share);

/* The largest value that the bucket takes. */
uint64_t histogram_bucket_end(size_t bucket);

#endif
