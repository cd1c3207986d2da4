/* Real inferences before the first request. The first loads the weights and the workers' memory into RAM, which is
 * slow. The second, with passes long enough for it, measures the speed with which estimates begin. */
#ifndef SERVING_WARM_UP_H
#define SERVING_WARM_UP_H

#include "scheduler/scheduler.h"

/* Computes one text per worker, then about a third of a pass of pass_tokens per worker, and waits for both. Errors as
 * scheduler_submit and its result. */
AKI_MUST_CHECK aki_status warm_up(scheduler *s, unsigned workers, size_t pass_tokens, aki_error *error);

#endif
