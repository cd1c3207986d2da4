/* When a request is tried again, and after which wait. */
#ifndef HUB_RETRY_H
#define HUB_RETRY_H

#include "hub/hub.h"

#define RETRY_DELAY_MAX_MS 5000 /* the longest wait of our own choice */
#define RETRY_AFTER_MAX_S 60    /* a hub that asks for more is not waited for */

/* The wait before the attempt that follows `failures` >= 1 failed ones: first_ms, doubled with each further failure,
 * at most RETRY_DELAY_MAX_MS, of which the random number takes up to half away so that clients spread. */
int64_t retry_delay_ms(unsigned failures, int64_t first_ms, uint32_t random);

/* 408, 429 and all 5xx: the same request may succeed later. */
bool retry_status(long http_status);

/* 32 random bits. */
uint32_t retry_random(void);

/* Waits; false when settings->cancelled said so. */
bool retry_wait(const hub_settings *settings, int64_t ms);

#endif
