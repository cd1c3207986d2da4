/* The process_* metrics, read from /proc at each scrape. Names and meanings as in the Prometheus client libraries; what
 * cannot be read is left out rather than invented. */
#ifndef TELEMETRY_PROCESS_STATS_H
#define TELEMETRY_PROCESS_STATS_H

#include "telemetry/metrics.h"

/* Readers for all process_* metrics of the table. */
void process_stats_register(metrics *m);

#endif
