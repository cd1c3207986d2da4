/* Which traces are recorded: the standard samplers of OpenTelemetry.
 *
 * A sampler has a decision for traces that begin here, and either asks the caller's flag first (parent-based) or not. One that
 * distrusts the caller joins its trace but decides as if it began here, so that nobody outside can order recording. */
#ifndef TELEMETRY_SAMPLER_H
#define TELEMETRY_SAMPLER_H

#include "telemetry/trace_context.h"

#define SAMPLER_ALL (UINT64_C(1) << 63)

typedef struct sampler {
    /* A trace is recorded when the low 63 bits of its id are below: 0 = none, SAMPLER_ALL = all. */
    uint64_t threshold;
    bool parent_based;
} sampler;

/* ratio: 0 .. 1, other values are taken as the nearer end. */
static inline sampler sampler_make(double ratio, bool parent_based)
{
    sampler s = {.parent_based = parent_based};
    if (ratio >= 1)
        s.threshold = SAMPLER_ALL;
    else if (ratio > 0) /* false for NaN too */
        s.threshold = (uint64_t)(ratio * (double)SAMPLER_ALL);
    return s;
}

/* parent: the caller's context, or NULL. trace_id: the caller's, or the new one. */
static inline bool sampler_decide(const sampler *s, const trace_context *parent,
                                  const uint8_t trace_id[TRACE_ID_BYTES])
{
    uint64_t low;
    if (s->parent_based && parent != NULL)
        return (parent->flags & TRACE_SAMPLED) != 0;
    __builtin_memcpy(&low, trace_id + TRACE_ID_BYTES - sizeof low, sizeof low);
    return __builtin_bswap64(low) >> 1 < s->threshold;
}

#endif
