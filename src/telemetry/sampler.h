/* Which traces are recorded: the standard samplers of OpenTelemetry.
 *
 * A sampler has a decision for traces that begin here, and either asks the caller's flag first (parent-based) or not. One that
 * distrusts the caller joins its trace but decides as if it began here, so that nobody outside can order recording. */
#ifndef TELEMETRY_SAMPLER_H
#define TELEMETRY_SAMPLER_H

#include "telemetry/trace_context.h"

typedef struct sampler {
    uint64_t
        threshold; /* a trace is recorded when the low 63 bits of its id are below: 0 = none, 1 << 63 = all */
    bool parent_based;
} sampler;

/* ratio: 0 .. 1, other values are taken as the nearer end. */
sampler sampler_make(double ratio, bool parent_based);

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
