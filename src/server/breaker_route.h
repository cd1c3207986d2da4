/* POST /admin/breaker/…: an operator says that the devices are well again, or takes the decision from the best device's circuit breaker
 * until that is said. For operators only: routes.h says who they are. */
#ifndef SERVER_BREAKER_ROUTE_H
#define SERVER_BREAKER_ROUTE_H

#include "server/exchange.h"

enum MHD_Result breaker_route_reset(exchange *x);
enum MHD_Result breaker_route_open(exchange *x);
enum MHD_Result breaker_route_disable(exchange *x);
enum MHD_Result breaker_route_watch(exchange *x);

#endif
