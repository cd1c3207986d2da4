#include "model/graph.h"

#include <math.h>

#define SIDE (MODEL_RELATIVE_BUCKETS / 2)
#define EXACT (SIDE / 2)

size_t model_relative_bucket(ptrdiff_t distance)
{
    const size_t side = distance > 0 ? SIDE : 0;
    const size_t away = distance > 0 ? (size_t)distance : 0 - (size_t)distance;
    if (away < EXACT)
        return side + away;
    /* By the squares of the distances at which buckets begin, which are powers of two: nothing is rounded. */
    size_t bucket = EXACT;
    for (size_t next = 2 * EXACT * EXACT; bucket < SIDE - 1 && away * away >= next; next *= 2)
        bucket++;
    return side + bucket;
}

double model_alibi_slope(size_t head, size_t heads)
{
    size_t power = 1;
    while (power * 2 <= heads)
        power *= 2;
    return head < power ? exp2(-8.0 * (double)(head + 1) / (double)power)
                        : exp2(-8.0 * (double)(2 * (head - power) + 1) / (double)(2 * power));
}
