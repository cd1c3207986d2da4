/* Bounds retries to a share of the requests, so that retrying can never multiply the load on something that is failing.
 *
 * A bucket of tokens as in Finagle's RetryBudget (github.com/twitter/finagle): a request pays in its share, a retry takes
 * out one, and a small floor flows in with time so that a quiet service may retry too. The bucket holds `burst` retries at
 * most. Over any time: retries <= burst + share x requests + floor x time.
 *
 * One word, no lock. The bucket of a healthy service is full: then a request costs one load. Time is the caller's,
 * monotonic. Thread-safe but for init. */
#ifndef RESILIENCE_RETRY_BUDGET_H
#define RESILIENCE_RETRY_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct retry_budget_settings {
    unsigned percent;     /* of requests that may be retries: 0 .. 100 */
    unsigned floor_per_s; /* retries that are allowed each second without requests: 0 .. 1000 */
    unsigned burst;       /* retries at once, saved up at most: 1 .. 100000 */
} retry_budget_settings;

/* 20 %, 1 per second, 10 at once. */
extern const retry_budget_settings retry_budget_defaults;

typedef struct retry_budget {
    retry_budget_settings settings;
    int64_t born_ns;
    _Alignas(64) _Atomic uint64_t
        word; /* tokens in thousandths, and the ms up to which the floor has been paid in */
} retry_budget;

/* Full at first. Settings are copied and must be within their bounds. */
void retry_budget_init(retry_budget *b, const retry_budget_settings *settings, int64_t now_ns);

/* A request begins (its first attempt). */
void retry_budget_request(retry_budget *b);

/* Takes a retry out; false when there is none left. */
bool retry_budget_take(retry_budget *b, int64_t now_ns);

/* Retries that could be taken now. */
unsigned retry_budget_left(const retry_budget *b, int64_t now_ns);

#endif
