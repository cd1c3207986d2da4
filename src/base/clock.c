#include "base/clock.h"

#include <time.h>

/* The kernel's coarse clock stands in for one that a sandbox denies; without either, 0. */
static int64_t read_clock(clockid_t id, clockid_t coarse)
{
    struct timespec now = {0};
    if (clock_gettime(id, &now) != 0)
        (void)clock_gettime(coarse, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

int64_t clock_monotonic_ns(void)
{
    return read_clock(CLOCK_MONOTONIC, CLOCK_MONOTONIC_COARSE);
}

/* time() cannot fail; whoever waits for a time of day must not take 1970 for now. */
int64_t clock_wall_ns(void)
{
    const int64_t now_ns = read_clock(CLOCK_REALTIME, CLOCK_REALTIME_COARSE);
    return now_ns != 0 ? now_ns : (int64_t)time(NULL) * NS_PER_S;
}
