/* The process_* metrics, read from /proc at each scrape. Names and meanings as in the Prometheus client libraries; what
 * cannot be read is left out rather than invented. */
#ifndef TELEMETRY_PROCESS_STATS_H
#define TELEMETRY_PROCESS_STATS_H

#include "telemetry/metrics.h"

/* Readers for all process_* metrics of the table. */
void process_stats_register(metrics *m);

/* candle_gpu_utilization_percent: NVIDIA's management library (NVML), opened when the first scrape asks and never linked. */

/* The reader of the metric: the utilization of the busiest GPU, 0 where there is no GPU or no driver. */
void gpu_utilization_register(metrics *m);

#endif
