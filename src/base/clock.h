/* Time. Durations and deadlines use the monotonic clock; the wall clock is for timestamps only. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

int64_t clock_monotonic_ns(void);
int64_t clock_wall_ns(void);

#endif
