/* POST /admin/breaker/reset: an operator says that the devices are well again. For operators only: routes.h says who they are. */
#ifndef SERVER_BREAKER_ROUTE_H
#define SERVER_BREAKER_ROUTE_H

#include "server/exchange.h"

enum MHD_Result breaker_route_reset(exchange *x);

#endif
