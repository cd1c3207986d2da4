/* Sums over the models of a service, which come and go: the counters of a model that was unloaded stay in them, its state of the
 * moment does not. */
#ifndef SERVING_MODEL_TOTALS_H
#define SERVING_MODEL_TOTALS_H

#include "scheduler/scheduler.h"
#include "serving/probe.h"

/* Levels at which a device computes, from SCHEDULER_LEVEL_GPU on. */
#define MODEL_TOTALS_DEVICES 2

typedef struct model_totals {
    scheduler_stats stats;
    bool present[MODEL_TOTALS_DEVICES];
    /* Counts are sums; state and wait_ms the worst of all. */
    scheduler_device devices[MODEL_TOTALS_DEVICES];
} model_totals;

/* Adds what the scheduler tells. counters: without its state of the moment, because it is about to be closed. */
void model_totals_add(model_totals *to, scheduler *work, bool counters);

#endif
