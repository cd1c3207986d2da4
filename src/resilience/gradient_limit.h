/* An adaptive limit of requests in flight: lets in more while latency stays what it was, and less when it rises.
 *
 * Gradient2 of Netflix's concurrency-limits (github.com/Netflix/concurrency-limits, Gradient2Limit.java), fed with means
 * over short windows as its WindowedLimit does. A window's mean latency is compared with a long-term mean: up to
 * `tolerance` times that is normal, beyond it the limit shrinks in proportion, at most to half; otherwise it grows by
 * `headroom`. Each step is smoothed. A limit that is not reached does not grow.
 *
 * A pure state machine: no clock, no lock, no allocation. Latencies may be in any unit, but must not depend on the size of
 * a request: the caller divides by the work in it. */
#ifndef RESILIENCE_GRADIENT_LIMIT_H
#define RESILIENCE_GRADIENT_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct gradient_limit_settings {
    double initial, minimum, maximum; /* requests in flight; 1 <= minimum <= initial <= maximum */
    double tolerance;                 /* >= 1 */
    double smoothing;                 /* weight of a step, over 0 up to 1 */
    double headroom;                  /* requests that may wait without harm */
    unsigned long_windows;            /* memory of the long-term mean, in windows */
    int64_t window_ns;
    unsigned window_samples; /* a window lasts until it has both its time and as many samples */
} gradient_limit_settings;

typedef struct gradient_limit {
    gradient_limit_settings settings;
    double limit;
    double long_latency; /* 0 = none yet */
    unsigned windows;    /* so far, up to long_windows */
    /* the window under way */
    int64_t window_started_ns; /* 0 = with the next sample */
    double latency_sum;
    unsigned samples;
    size_t most_in_flight;
} gradient_limit;

/* As the original has it: 20 at first, within 20 to 200, tolerance 1.5, smoothing 0.2, headroom 4, 600 windows; windows
 * of 100 ms and 10 samples. */
extern const gradient_limit_settings gradient_limit_defaults;

void gradient_limit_init(gradient_limit *g, const gradient_limit_settings *settings);

/* True where another request may come in beside those in flight. */
static inline bool gradient_limit_allows(const gradient_limit *g, size_t in_flight)
{
    return (double)in_flight < g->limit;
}

/* A request was served. latency > 0; in_flight: requests at its end, itself included; now_ns > 0 and never going back. */
void gradient_limit_sample(gradient_limit *g, double latency, size_t in_flight, int64_t now_ns);

#endif
