/* The server's metrics: counts each request, and registers readers for the counters of other rooms. */
#ifndef SERVER_SERVER_METRICS_H
#define SERVER_SERVER_METRICS_H

#include "server/exchange.h"

/* Opens server.metrics. Error: AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status server_metrics_open(server *s, aki_error *error);
/* Says what was loaded in the build info. Before the server is ready. Error: AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status server_metrics_describe(server *s, const encoder *enc, aki_error *error);

/* The request's headers were read and its route, if any, found. */
void server_metrics_begin(exchange *x);
/* The request has ended; whole: its reply was sent to the end. */
void server_metrics_end(exchange *x, bool whole);
/* Texts of the exchange have their vectors. */
void server_metrics_result(const exchange *x, const scheduler_result *result);
/* x->error is the reply. */
void server_metrics_failed(exchange *x);
void server_metrics_connection_refused(const server *s);
/* For scheduler_settings.on_pass; cookie is the server. */
void server_metrics_on_pass(void *cookie, const scheduler_pass *done);

/* The two below are called by server_metrics_open, before the first scrape. */

/* Readers of what the scheduler's devices, circuit breakers and retries count. */
void device_metrics_register(server *s);

/* The metrics of each model, read from the set of models when they are asked for. */
void model_metrics_register(server *s);

#endif
