#include "server/observers.h"

#include "server/request_log.h"
#include "server/request_trace.h"
#include "server/server_metrics.h"

static const exchange_observer logging = {.ended = request_log_end};
static const exchange_observer counting = {
    .begun = server_metrics_begin, .failed = server_metrics_failed, .ended = server_metrics_end};
static const exchange_observer tracing = {
    .begun = request_trace_begin, .replied = request_trace_replied, .ended = request_trace_end};

const exchange_observer *const server_observers[] = {&logging, &counting, &tracing, NULL};
