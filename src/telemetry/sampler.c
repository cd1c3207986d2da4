#include "telemetry/sampler.h"

#include <string.h>

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

bool sampler_by_name(const char *name, double ratio, sampler *out)
{
    static const char parent_prefix[] = "parentbased_";
    const bool parent_based = strncmp(name, parent_prefix, sizeof parent_prefix - 1) == 0;
    if (parent_based)
        name += sizeof parent_prefix - 1;
    if (strcmp(name, "always_on") == 0)
        *out = sampler_make(1, parent_based);
    else if (strcmp(name, "always_off") == 0)
        *out = sampler_make(0, parent_based);
    else if (strcmp(name, "traceidratio") == 0)
        *out = sampler_make(ratio, parent_based);
    else
        return false;
    return true;
}
