#include "telemetry/sampler.h"

#define ALL (UINT64_C(1) << 63)

sampler sampler_make(double ratio, bool parent_based)
{
    sampler s = {.parent_based = parent_based};
    if (ratio >= 1)
        s.threshold = ALL;
    else if (ratio > 0) /* false for NaN too */
        s.threshold = (uint64_t)(ratio * (double)ALL);
    return s;
}
