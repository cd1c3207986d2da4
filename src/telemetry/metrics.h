/* The registry: what has been recorded of each metric of the table, and how to add to it at next to no cost.
 *
 * Each thread writes to a shard of its own with plain stores, no lock and no shared cache line; a scrape adds the shards up.
 * A thread that ends leaves its shard, with all its counts, to the next one that starts: sums never fall. A histogram's
 * buckets and sum are read under the shard's sequence number, so that one scrape sees both or neither of an observation,
 * and its count is the sum of its buckets. */
#ifndef TELEMETRY_METRICS_H
#define TELEMETRY_METRICS_H

#include "akidb/embed.h"
#include "telemetry/metric_table.h"

typedef struct metrics metrics;
typedef struct metric_shard metric_shard;

/* A traced request that an observation came from. */
typedef struct metric_exemplar {
    uint8_t trace_id[16];
    uint8_t span_id[8];
} metric_exemplar;

/* domains: [METRIC_DOMAINS], copied; at least one model. A name may be NULL: its series are left out until it is there. Error:
 * AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status metrics_open(metrics **out, const metric_names *domains, aki_error *error);
/* Gives a name that was NULL. Without an effect where it has one, where `index` lies beyond the domain, or without memory. From
 * any thread. */
void metrics_set_name(metrics *m, metric_domain domain, size_t index, const char *name);
/* No thread may hold a shard any more, or ever use it again. NULL allowed. */
void metrics_close(metrics *m);

/* The calling thread's shard, for this thread only; NULL when there is no memory for it: what is recorded with NULL is
 * lost, and nothing else happens. */
metric_shard *metrics_shard(metrics *m);

/* series: label values in the order of the table, the first one times the number of the second one's values, plus the
 * second one; 0 without labels. Each of the calls is for metrics of its own kind with the source METRIC_RECORDED. */
void metrics_add(metric_shard *shard, metric_id id, size_t series, uint64_t count);
void metrics_change(metric_shard *shard, metric_id id, size_t series, int64_t change); /* gauges */
/* exemplar NULL = none. A value that is not a number is left out. */
void metrics_observe(metric_shard *shard, metric_id id, size_t series, double value,
                     const metric_exemplar *exemplar);

/* Sets the reader, which gives the values of a metric with the source METRIC_READ, before the first scrape. Several threads may
 * call the reader at once. A NaN leaves the series out. Without a reader the value is 0. */
typedef double (*metric_reader)(void *cookie, size_t series);
void metrics_read_by(metrics *m, metric_id id, metric_reader read, void *cookie);

/* Labels of a METRIC_INFO: name, value, name, value, …, NULL. May be set anew at any time. Error: AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status metrics_set_info(metrics *m, metric_id id, const char *const *labels,
                                           aki_error *error);

#endif
