/* GET /metrics: all metrics as text, in the format that the caller prefers, compressed where it takes that. */
#ifndef SERVER_METRICS_ROUTE_H
#define SERVER_METRICS_ROUTE_H

#include "server/exchange.h"

void metrics_route(exchange *x);

#endif
