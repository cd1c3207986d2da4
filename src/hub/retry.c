#include "hub/retry.h"

#include "base/clock.h"

#include <sys/random.h>
#include <time.h>

#define SLICE_MS 100 /* how often a wait asks whether it is cancelled */

int64_t retry_delay_ms(unsigned failures, int64_t first_ms, uint32_t random)
{
    int64_t delay = first_ms > 0 ? first_ms : 0;
    for (unsigned i = 1; i < failures && delay > 0 && delay < RETRY_DELAY_MAX_MS; i++)
        delay *= 2;
    if (delay > RETRY_DELAY_MAX_MS)
        delay = RETRY_DELAY_MAX_MS;
    int64_t half = delay / 2;
    return delay - (int64_t)(((uint64_t)half * random) >> 32);
}

bool retry_status(long http_status)
{
    return http_status == 408 || http_status == 429 || (http_status >= 500 && http_status <= 599);
}

uint32_t retry_random(void)
{
    uint32_t bits;
    if (getrandom(&bits, sizeof bits, GRND_NONBLOCK) != (ssize_t)sizeof bits)
        bits = (uint32_t)clock_monotonic_ns(); /* early at boot; spreading clients needs no more */
    return bits;
}

bool retry_wait(const hub_settings *settings, int64_t ms)
{
    for (;;) {
        if (settings->cancelled != NULL && settings->cancelled(settings->cookie))
            return false;
        if (ms <= 0)
            return true;
        int64_t slice = ms < SLICE_MS ? ms : SLICE_MS;
        struct timespec wait = {.tv_nsec = (long)(slice * NS_PER_MS)};
        nanosleep(&wait, NULL); /* a signal may shorten it: the loop asks cancelled at once */
        ms -= slice;
    }
}
