/* A real inference before the first request: pages in the weights and the workers' memory, and measures a first rate. */
#ifndef SERVER_WARM_UP_H
#define SERVER_WARM_UP_H

#include "scheduler/scheduler.h"

/* Computes one text per worker and waits for it. Errors as scheduler_submit and its result. */
AKI_MUST_CHECK aki_status warm_up(scheduler *s, unsigned workers, aki_error *error);

#endif
