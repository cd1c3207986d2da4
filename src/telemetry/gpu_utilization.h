/* candle_gpu_utilization_percent: NVIDIA's management library (NVML), opened when the first scrape asks and never linked. */
#ifndef TELEMETRY_GPU_UTILIZATION_H
#define TELEMETRY_GPU_UTILIZATION_H

#include "telemetry/metrics.h"

/* The reader of the metric: the utilization of the busiest GPU, 0 where there is no GPU or no driver. */
void gpu_utilization_register(metrics *m);

#endif
