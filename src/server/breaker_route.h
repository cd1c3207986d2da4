/* POST /admin/breaker/…: an operator says that the devices are well again, or takes the decision from the best device's circuit breaker
 * until that is said. For operators only: routes.h says who they are. */
#ifndef SERVER_BREAKER_ROUTE_H
#define SERVER_BREAKER_ROUTE_H

#include "server/exchange.h"

void breaker_route_reset(exchange *x);
void breaker_route_open(exchange *x);
void breaker_route_disable(exchange *x);
void breaker_route_watch(exchange *x);

#endif
