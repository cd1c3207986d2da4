/* Sends the registry of metrics to a collector at regular times, in a thread of its own, and once more at the end. */
#ifndef TELEMETRY_METRICS_PUSH_H
#define TELEMETRY_METRICS_PUSH_H

#include "telemetry/metrics.h"
#include "telemetry/otlp_sender.h"
#include "telemetry/resource.h"

typedef struct metrics_push metrics_push;

typedef struct metrics_push_settings {
    metrics *registry;
    const resource *from;
    otlp_sender_settings sender; /* noun is set here */
    int64_t interval_ms, timeout_ms;
} metrics_push_settings;

/* Whatever the settings point to must outlive it. Errors: as otlp_sender_open, AKI_INTERNAL (no thread). */
AKI_MUST_CHECK aki_status metrics_push_open(metrics_push **out, const metrics_push_settings *settings,
                                            aki_error *error);
/* The last export may take flush_ms. NULL allowed. */
void metrics_push_close(metrics_push *push, int64_t flush_ms);

#endif
