#include "histogram.h"

#include <math.h>

static const uint64_t LINEAR = UINT64_C(1) << HISTOGRAM_LINEAR_BITS;

static size_t bucket_of(uint64_t value)
{
    if (value < LINEAR)
        return value;
    unsigned shift = 63 - (unsigned)__builtin_clzll(value) - HISTOGRAM_LINEAR_BITS;
    return ((size_t)shift + 1) * LINEAR + (size_t)((value >> shift) - LINEAR);
}

uint64_t histogram_bucket_end(size_t bucket)
{
    if (bucket < LINEAR)
        return bucket;
    unsigned shift = (unsigned)(bucket / LINEAR - 1);
    return ((bucket % LINEAR + LINEAR + 1) << shift) - 1;
}

void histogram_add(histogram *h, int64_t value_ns)
{
    const uint64_t longest = (UINT64_C(1) << HISTOGRAM_VALUE_BITS) - 1;
    uint64_t value = value_ns < 0 ? 0 : (uint64_t)value_ns;
    if (value > longest)
        value = longest;
    h->counts[bucket_of(value)]++;
    h->total++;
    if (value > h->max_ns)
        h->max_ns = value;
}

uint64_t histogram_quantile(const histogram *h, double share)
{
    uint64_t wanted = (uint64_t)ceil(share * (double)h->total), seen = 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->counts[i];
        if (seen >= wanted && seen > 0)
            return histogram_bucket_end(i) < h->max_ns ? histogram_bucket_end(i) : h->max_ns;
    }
    return 0;
}
